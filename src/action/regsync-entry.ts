import type { Platform } from '../image/platform.ts'
import type { Repository } from '../image/reference.ts'
import {
  type Carried,
  type MirrorEntry,
  type MirrorNames,
  type MirrorWishes,
  type PlatformWish,
  REGSYNC_WISHES,
  type ReferrerWish,
} from '../plan/mirror-request.ts'
import { BACKUP_FIELDS } from '../tags/backup-name.ts'
import type { NameTemplate } from '../tags/name-template.ts'
import { patternFault, patternSurprise, type TagPattern, type TagSelection, type TagSet } from '../tags/select.ts'
import { parseRange, rangeSurprise } from '../tags/version-range.ts'
import {
  choiceAt,
  countAt,
  durationAt,
  flagAt,
  type Located,
  lineAt,
  type Section,
  sectionAt,
  sectionsAt,
  textAt,
  textMapAt,
  textsAt,
} from './file-section.ts'
import { type Around, expandLocated, settleLocated } from './file-templates.ts'
import { imageNamed, type Named, namespaceNamed, registryNamed, repositoryNamed, targetNamed } from './mirror-names.ts'
import { parsePlatform } from './platform-names.ts'
import { quoted } from './quoted.ts'

/** Keys that an entry has, or else `defaults` for all of them (regclient's `syncSetDefaults`). */
const SHARED = [
  'backup',
  'interval',
  'schedule',
  'ratelimit',
  'digestTags',
  'referrers',
  'referrerFilters',
  'referrerSource',
  'referrerTarget',
  'referrerSlow',
  'fastCheck',
  'forceRecursive',
  'includeExternal',
  'mediaTypes',
  'hooks',
  'scan',
  'prune',
  'allowEmpty',
]
export const DEFAULT_KEYS = [
  ...SHARED,
  'parallel',
  'blobLimit',
  'cacheCount',
  'cacheTime',
  'skipDockerConfig',
  'userAgent',
]
export const SYNC_KEYS = ['source', 'target', 'type', 'tags', 'tagSets', 'repos', 'platform', 'platforms', ...SHARED]
const SET_KEYS = ['allow', 'deny', 'semverRange', 'newest']
const KINDS = ['image', 'repository', 'registry'] as const

/** What the entries of one file share. */
export type EntryContext = {
  readonly defaults: Section | undefined
  readonly around: Around
  /** `linux/amd64`: what `local` is */
  readonly machine: string
  readonly file: string
  readonly wishes: Partial<MirrorWishes>
}

/** One entry of `sync`; `undefined` after a mistake in its names. */
export async function readEntry(step: Section, context: EntryContext): Promise<MirrorEntry | undefined> {
  const kind = readKind(step)
  const written = await expandFields(step, context, kind)
  const names = kind === undefined || written === undefined ? undefined : readNames(step, kind, written)
  const wishes = await readWishes(step, context, written ?? new Map())
  if (names === undefined || written === undefined) return undefined
  const fields = Object.fromEntries([...written].map(([name, { text }]) => [name, text]))
  return { ...names, ...wishes, origin: { file: context.file, line: step.line }, fields }
}

function readKind(step: Section): Kind | undefined {
  if (lineAt(step, 'type') === undefined)
    step.reading.fault(step.line, `an entry names its \`type\`: ${KINDS.join(', ')}`)
  return choiceAt(step, 'type', KINDS)
}

/** By the name that templates have for them. */
type Fields = ReadonlyMap<string, Located>

// The order of regclient's `configExpandTemplates`: what stands later may name what stands earlier.
async function expandFields(
  step: Section,
  context: EntryContext,
  kind: string | undefined,
): Promise<Fields | undefined> {
  const shared = (key: string) => inherited(textAt, step, context, key)
  const texts: Readonly<Record<string, Located | undefined>> = {
    'Sync.Source': textAt(step, 'source'),
    'Sync.ReferrerSrc': shared('referrerSource'),
    'Sync.Target': textAt(step, 'target'),
    'Sync.ReferrerTgt': shared('referrerTarget'),
    'Sync.Type': { text: kind ?? '', line: step.line },
    'Sync.Platform': textAt(step, 'platform'),
    'Sync.Backup': shared('backup'),
    'Sync.Schedule': shared('schedule'),
  }
  const fields = new Map(Object.entries(texts).map(([name, text]) => [name, text ?? { text: '', line: step.line }]))
  for (const name of ['Sync.Source', 'Sync.ReferrerSrc', 'Sync.Target', 'Sync.ReferrerTgt']) {
    const written = fields.get(name)
    if (written === undefined) continue
    const known = Object.fromEntries([...fields].map(([field, { text }]) => [field, text]))
    const text = await expandLocated(step.reading, context.around, written, known)
    if (text === undefined) return undefined
    fields.set(name, { ...written, text })
  }
  return fields
}

type Kind = (typeof KINDS)[number]

function readNames(step: Section, kind: Kind, fields: Fields): MirrorNames | undefined {
  const tags = readSelection(step, kind)
  const pair = <S, T>(source: (text: string) => Named<S>, target: (text: string) => Named<T>) => {
    const from = readName(step, 'source', fields.get('Sync.Source'), source)
    const to = readName(step, 'target', fields.get('Sync.Target'), target)
    return from === undefined || to === undefined ? undefined : { source: from, targets: [to] }
  }
  if (kind === 'image') {
    const names = pair(imageNamed, targetNamed)
    return names === undefined ? undefined : { kind, ...names }
  }
  if (kind === 'repository') {
    const names = pair(repositoryNamed, repositoryNamed)
    return names === undefined ? undefined : { kind, ...names, tags }
  }
  const repos = sectionAt(step, 'repos', ['allow', 'deny'])
  const repositories = { allow: readPatterns(repos, 'allow'), deny: readPatterns(repos, 'deny') }
  const names = pair(registryNamed, namespaceNamed)
  return names === undefined ? undefined : { kind, ...names, repositories, tags }
}

function readName<T>(
  step: Section,
  key: string,
  written: Located | undefined,
  named: (text: string) => Named<T>,
): T | undefined {
  const text = written?.text ?? ''
  const found: Named<T> = text === '' ? { why: `an entry names its \`${key}\`` } : named(text)
  if (!isMistaken(found)) return found
  step.reading.fault(written?.line ?? step.line, found.why)
  return undefined
}

function isMistaken<T>(found: Named<T>): found is { readonly why: string } {
  return typeof found === 'object' && found !== null && 'why' in found
}

const USELESS: Readonly<Record<Kind, readonly string[]>> = {
  image: ['tagSets', 'repos'],
  repository: ['repos'],
  registry: [],
}

function tellUseless(step: Section, kind: Kind): void {
  for (const key of USELESS[kind]) {
    const line = lineAt(step, key)
    if (line !== undefined)
      step.reading.remark(line, `\`${key}\` says nothing about \`type: ${kind}\`, and is passed over`)
  }
}

/** `tagSets`, and `tags` after them when it asks for anything (regclient's `processRepo`). */
function readSelection(step: Section, kind: Kind): TagSelection {
  tellUseless(step, kind)
  const tags = sectionAt(step, 'tags', [...SET_KEYS, 'minAge'])
  if (kind === 'image') {
    const useless =
      tags === undefined ? undefined : SET_KEYS.map((key) => lineAt(tags, key)).find((line) => line !== undefined)
    if (useless !== undefined)
      step.reading.remark(useless, 'tags are not chosen for `type: image`: its name has the one that is meant')
    return { sets: [] }
  }
  const sets = (sectionsAt(step, 'tagSets', SET_KEYS) ?? []).map(readSet)
  const own = tags === undefined ? undefined : readSet(tags)
  return { sets: own === undefined || isSilent(own) ? sets : [...sets, own] }
}

function isSilent({ ranges, allow, deny, newest }: TagSet): boolean {
  return ranges.length + allow.length + deny.length === 0 && newest === undefined
}

const MOST_NEWEST = 10_000

function readSet(section: Section): TagSet {
  const newest = countAt(section, 'newest', { least: 1, most: MOST_NEWEST })
  return {
    ranges: readRanges(section),
    allow: readPatterns(section, 'allow'),
    deny: readPatterns(section, 'deny'),
    ...(newest === undefined ? {} : { newest }),
  }
}

function readRanges(section: Section): readonly string[] {
  const written = (textsAt(section, 'semverRange') ?? []).filter(({ text }) => text !== '')
  return written.flatMap(({ text, line }) => {
    if (parseRange(text) === undefined) {
      section.reading.fault(line, `${quoted(text)} is no range of versions such as ">=1.2 <2"`)
      return []
    }
    const surprise = lineAt(section, 'deny') === undefined ? rangeSurprise(text) : undefined
    if (surprise !== undefined) section.reading.remark(line, `${quoted(text)} ${surprise}`)
    return [text]
  })
}

function readPatterns(section: Section | undefined, key: 'allow' | 'deny'): readonly TagPattern[] {
  if (section === undefined) return []
  return (textsAt(section, key) ?? []).flatMap(({ text, line }) => {
    const pattern = { text, reading: 'go' } as const
    const why = patternFault(pattern)
    if (why !== undefined) {
      section.reading.fault(line, `${quoted(text)} is no regular expression of Go: ${why}`)
      return []
    }
    const surprise = patternSurprise(text)
    if (surprise !== undefined) section.reading.remark(line, `${quoted(text)} ${surprise}`)
    return [pattern]
  })
}

async function readWishes(step: Section, context: EntryContext, fields: Fields): Promise<MirrorWishes> {
  const usual: MirrorWishes = { ...REGSYNC_WISHES, ...context.wishes }
  const flag = (key: string) => inherited(flagAt, step, context, key)
  const fast = flag('fastCheck') ?? false
  const mediaTypes = readMediaTypes(step, context)
  const backup = await readBackup(step, context, fields)
  const scan = inherited((section, key) => choiceAt(section, key, ['gate', 'report', 'off']), step, context, 'scan')
  const minAge = readMinAge(step)
  return {
    ...usual,
    platforms: readPlatforms(step, context) ?? usual.platforms,
    ...(mediaTypes === undefined ? {} : { mediaTypes }),
    referrers: readReferrers(step, context, { usual: usual.referrers, fast, fields }),
    digestTags: carried(flag('digestTags'), fast) ?? usual.digestTags,
    // An unchanged digest is passed over before anybody asks how deep to look (`processRef`).
    allParts: (flag('forceRecursive') ?? false) && !fast,
    externalLayers: flag('includeExternal') ?? usual.externalLayers,
    ...(backup === undefined ? {} : { backup }),
    ...(minAge === undefined ? {} : { minAge: { ...usual.minAge, milliseconds: minAge } }),
    scan: scan ?? usual.scan,
    prune: readPrune(step, context) ?? usual.prune,
    allowEmpty: flag('allowEmpty') ?? usual.allowEmpty,
    rateLimit: readRateLimit(step, context),
  }
}

// Without `fastCheck` regsync goes through what hangs on an image although its digest is there.
function carried(wanted: boolean | undefined, fast: boolean): Carried | undefined {
  if (wanted === undefined) return undefined
  if (!wanted) return 'no'
  return fast ? 'copied' : 'recheck'
}

function inherited<T>(
  read: (section: Section, key: string) => T | undefined,
  step: Section,
  { defaults }: EntryContext,
  key: string,
): T | undefined {
  return read(step, key) ?? (defaults === undefined ? undefined : read(defaults, key))
}

function readPlatforms(step: Section, { machine }: EntryContext): PlatformWish | undefined {
  const single = textAt(step, 'platform')
  const listed = textsAt(step, 'platforms') ?? []
  const named = listed.filter(({ text }) => text !== '')
  const platforms = named.flatMap((written) => readPlatform(step, written, machine) ?? [])
  if (single !== undefined) {
    if (listed.length > 0) {
      step.reading.remark(
        single.line,
        '`platform` takes one image out of the index, and `platforms` says nothing more about it',
      )
    }
    const platform = readPlatform(step, single, machine)
    return platform === undefined ? undefined : { kind: 'one', platform }
  }
  if (listed.length === 0) return undefined
  const line = lineAt(step, 'platforms') ?? step.line
  step.reading.remark(
    line,
    'the index is copied as it is and names platforms that are then missing; some registries refuse such a one',
  )
  return { kind: 'holes', platforms, unnamed: named.length < listed.length }
}

function readPlatform(step: Section, { text, line }: Located, machine: string): Platform | undefined {
  const platform = parsePlatform(text, machine)
  if (platform === undefined) step.reading.fault(line, `${quoted(text)} is no platform such as linux/arm64`)
  return platform
}

function readMediaTypes(step: Section, context: EntryContext): readonly string[] | undefined {
  const written = inherited(
    (section, key) => {
      const texts = textsAt(section, key)
      return texts === undefined || texts.length === 0 ? undefined : texts
    },
    step,
    context,
    'mediaTypes',
  )
  for (const { text, line } of written ?? []) {
    if (!/^[\w.+-]+\/[\w.+-]+$/.test(text)) step.reading.fault(line, `${quoted(text)} is no media type`)
    else if (!REGSYNC_WISHES.mediaTypes.includes(text)) {
      step.reading.remark(line, `images of type ${text} cannot be copied, and none is asked for`)
    }
  }
  return written?.map(({ text }) => text)
}

type Referring = { readonly usual: ReferrerWish; readonly fast: boolean; readonly fields: Fields }

function readReferrers(step: Section, context: EntryContext, { usual, fast, fields }: Referring): ReferrerWish {
  const carry = carried(inherited(flagAt, step, context, 'referrers'), fast) ?? usual.carry
  const filters = inherited(
    (section, key) => sectionsAt(section, key, ['artifactType', 'annotations']),
    step,
    context,
    'referrerFilters',
  )
  // Whether annotations of referrers are looked up one by one.
  inherited(flagAt, step, context, 'referrerSlow')
  const from = readPlace(step, fields.get('Sync.ReferrerSrc'))
  const to = readPlace(step, fields.get('Sync.ReferrerTgt'))
  return {
    carry,
    filters: (filters ?? []).map((filter) => ({
      artifactType: textAt(filter, 'artifactType')?.text ?? '',
      annotations: textMapAt(filter, 'annotations'),
    })),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
}

function readPlace(step: Section, written: Located | undefined): Repository | undefined {
  if (written === undefined || written.text === '') return undefined
  const found = imageNamed(written.text)
  if (!('why' in found)) return { registry: found.registry, path: found.path }
  step.reading.fault(written.line, found.why)
  return undefined
}

async function readBackup(step: Section, context: EntryContext, fields: Fields): Promise<NameTemplate | undefined> {
  const written = fields.get('Sync.Backup')
  if (written === undefined || written.text === '') return undefined
  return settleLocated(step.reading, context.around, written, BACKUP_FIELDS)
}

function readMinAge(step: Section): number | undefined {
  const tags = sectionAt(step, 'tags', [...SET_KEYS, 'minAge'])
  return tags === undefined ? undefined : durationAt(tags, 'minAge', true)
}

function readPrune(step: Section, context: EntryContext): MirrorWishes['prune'] | undefined {
  const word = inherited((section, key) => choiceAt(section, key, ['true', 'false', 'plan']), step, context, 'prune')
  if (word === undefined || word === 'plan') return word
  return word === 'true' ? 'yes' : 'no'
}

const MOST_PULLS = 1_000_000

/** Zero is what was not said (`syncSetDefaults`). */
function readRateLimit(step: Section, { defaults }: EntryContext): MirrorWishes['rateLimit'] {
  const least = [step, ...(defaults === undefined ? [] : [defaults])].map((section) => {
    const limit = sectionAt(section, 'ratelimit', LIMIT_KEYS)
    if (limit === undefined) return undefined
    durationAt(limit, 'retry')
    return countAt(limit, 'min', { least: 0, most: MOST_PULLS })
  })
  return { min: least.find((min) => min !== undefined && min !== 0) ?? 0 }
}

const LIMIT_KEYS = ['min', 'retry']

/** Where it is said how long to wait for more pulls (`ratelimit.retry`). */
export function retryLine(section: Section): number | undefined {
  const limit = sectionAt(section, 'ratelimit', LIMIT_KEYS)
  return limit === undefined ? undefined : lineAt(limit, 'retry')
}
