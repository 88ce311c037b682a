import { LadingError } from '../error.ts'
import { checkTag, formatReference, parseReference, type TagReference, tagged } from '../image/reference.ts'
import { expandName, type NameTemplate } from './name-template.ts'

/** How backups are named, and what a template knows of its entry (`.Sync.Source` is `Sync.Source`). */
export type BackupNaming = { readonly backup?: NameTemplate; readonly fields: Readonly<Record<string, string>> }

const REF = ['Scheme', 'Reference', 'Registry', 'Repository', 'Tag', 'Digest', 'Path'] as const
const ENTRY = ['Source', 'Target', 'Type', 'ReferrerSrc', 'ReferrerTgt', 'Platform', 'Backup', 'Schedule']

/** What the name of a backup may tell: of the image that is overwritten, and of the entry (`Step` is its old name). */
export const BACKUP_FIELDS: readonly string[] = [
  ...REF.map((name) => `Ref.${name}`),
  ...ENTRY.flatMap((name) => [`Sync.${name}`, `Step.${name}`]),
]

/**
 * The name that an image is kept under before it is overwritten: a tag of its repository, or a whole reference where the
 * template gives one with a `:` or a `/` in it (regclient's `processRef`). `undefined`: no copy is wanted.
 */
export function backupOf(
  { backup, fields }: BackupNaming,
  target: TagReference,
  now: Date,
): TagReference | { readonly why: string } | undefined {
  if (backup === undefined) return undefined
  const name = expandName(backup, {
    fields: { ...fields, ...stepFields(fields), ...refFields(target) },
    env: {},
    file: {},
    now,
  })
  if (typeof name !== 'string') return name
  const kept = parseName(name.trim(), target)
  if ('why' in kept || formatReference(kept) !== formatReference(target)) return kept
  return { why: `the backup of ${formatReference(target)} would have its own name` }
}

function parseName(name: string, target: TagReference): TagReference | { readonly why: string } {
  try {
    if (!/[:/]/.test(name)) return tagged(target, checkTag(name))
    const kept = parseReference(name)
    return 'tag' in kept ? kept : { why: `the backup of ${formatReference(target)} has a digest instead of a tag` }
  } catch (thrown) {
    if (!(thrown instanceof LadingError)) throw thrown
    return { why: `the backup of ${formatReference(target)} cannot have its name: ${thrown.message}` }
  }
}

// An older name of the same (`Step` in regclient's `processRef`).
function stepFields(fields: BackupNaming['fields']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields).map(([name, text]) => [name.replace(/^Sync\./, 'Step.'), text]))
}

/** The fields of regclient's `types/ref`. */
function refFields(target: TagReference): Readonly<Record<`Ref.${(typeof REF)[number]}`, string>> {
  return {
    'Ref.Scheme': 'reg',
    'Ref.Reference': formatReference(target),
    'Ref.Registry': target.registry,
    'Ref.Repository': target.path,
    'Ref.Tag': target.tag,
    'Ref.Digest': '',
    'Ref.Path': '',
  }
}
