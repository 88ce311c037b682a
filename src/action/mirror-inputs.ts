import { resolve } from 'node:path'
import type { Environment } from '../plan/environment.ts'
import { type Lock, NO_LOCK, parseLock } from '../plan/lock.ts'
import { type MirrorEntry, type MirrorRequest, type MirrorWishes, USUAL_WISHES } from '../plan/mirror-request.ts'
import { BACKUP_FIELDS } from '../tags/backup-name.ts'
import { asksFor, type NameTemplate, parseNameTemplate, settled } from '../tags/name-template.ts'
import { patternFault, type TagPattern } from '../tags/select.ts'
import { parseDuration, readDuration } from './duration.ts'
import { kindOf, readBounded } from './files.ts'
import { closeForm, type Form, openForm, type ProcessVariables } from './form.ts'
import { readGate } from './gate-inputs.ts'
import { readItems } from './lists.ts'
import type { NamedLogin, Places } from './logins.ts'
import { readMirrorLines } from './mirror-lines.ts'
import { clashesOf } from './mirror-names.ts'
import { parsePlatform } from './platform-names.ts'
import { quoted } from './quoted.ts'
import { type MirrorFile, readMirrorFile } from './regsync-file.ts'
import { readChoice, readFlag } from './single-values.ts'
import { readRateLimit, readWay, type Way } from './way-inputs.ts'

/** What the inputs of a mirror say: the request without secrets, and beside it what only the edges may hold. */
export type MirrorInputs = Way & {
  readonly request: MirrorRequest
  readonly token: string
  /** whether logins that docker keeps on this machine count too */
  readonly machineLogins: boolean
  readonly notices: readonly string[]
}

const HOUR_MS = 3_600_000
const LONGEST_LOCK = 64 * 1024 * 1024
/** What goes on beside the transfers, which are bounded for each registry, are looks and small manifests. */
const IMAGES_AT_A_TIME = 16

const CHECKS = { false: 'off', true: 'report', strict: 'strict' } as const
const CARRIED = { true: 'copied', recheck: 'recheck', false: 'no' } as const
const PRUNES = { false: 'no', plan: 'plan', true: 'yes' } as const

const NO_FILE: MirrorFile = { entries: [], logins: [], settings: [], machineLogins: true }

/**
 * Reads all inputs of mirror, its file and its lock file. Touches files of the workspace and nothing else of the world.
 * Throws one `INPUT_INVALID` with every mistake in it.
 */
export async function readMirrorInputs(variables: ProcessVariables, environment: Environment): Promise<MirrorInputs> {
  const form = openForm(variables, 'mirror')
  const wishes = await readWishes(form, variables, environment)
  const usual = { ...USUAL_WISHES, ...wishes }
  const lines = readMirrorLines(form, form.text('images'), { wishes: usual, machine: environment.machine })
  const path = form.text('config').trim()
  const file = path === '' ? NO_FILE : await readMirrorFile(form, path, { environment, variables, wishes })
  const entries = [...lines, ...file.entries]
  mustName(form, { lines, path })
  refuseClashes(form, entries)
  const request = await readRequest(form, environment, { entries, file })
  const { logins, aws, settings, parallel, retries } = await readWay(form, environment, placesOf(entries))
  await closeForm(form)
  return {
    request,
    aws,
    logins: joined(logins, file.logins, form.text('token').trim()),
    settings: [
      ...settings,
      ...file.settings.filter(({ registry }) => !settings.some((one) => one.registry === registry)),
    ],
    token: form.text('token').trim(),
    parallel,
    retries,
    machineLogins: file.machineLogins,
    notices: form.notices,
  }
}

async function readRequest(
  form: Form,
  environment: Environment,
  { entries, file }: { readonly entries: readonly MirrorEntry[]; readonly file: MirrorFile },
): Promise<MirrorRequest> {
  const { workspace } = environment
  const lockFile = form.text('lock-file').trim()
  if (lockFile === '' && entries.some(({ prune }) => prune !== 'no')) {
    form.mistakes.push({
      input: 'lock-file',
      text: 'tags are only removed that a lock file says were written here: name one',
    })
  }
  const budget = form.text('time-budget').trim()
  return {
    entries,
    gate: await readGate(form, environment),
    check: CHECKS[readChoice(form, 'check', ['false', 'true', 'strict'])],
    dryRun: readFlag(form, 'dry-run'),
    onError: readChoice(form, 'on-error', ['continue', 'abort']),
    ...(lockFile === '' ? {} : { lockFile: resolve(workspace, lockFile) }),
    lock: await readLock(form, workspace, lockFile),
    imagesAtATime: file.parallel ?? IMAGES_AT_A_TIME,
    ...(budget === '' ? {} : { timeBudgetMs: readDuration(form, 'time-budget', { least: 1000, most: 144 * HOUR_MS }) }),
    rateLimit: readRateLimit(form),
    summary: readFlag(form, 'summary'),
  }
}

async function readLock(form: Form, workspace: string, name: string): Promise<Lock> {
  if (name === '') return NO_LOCK
  const path = resolve(workspace, name)
  // The first run makes it.
  if ((await kindOf(path)) === 'absent') return NO_LOCK
  const text = await readBounded(path, LONGEST_LOCK)
  const lock = text === undefined ? 'it cannot be read' : parseLock(text)
  if (typeof lock !== 'string') return lock
  form.mistakes.push({ input: 'lock-file', text: `${quoted(name)} is no lock file of a mirror: ${lock}` })
  return NO_LOCK
}

/** What the user really wrote: an entry of a file that says something else wins over the rest. */
async function readWishes(
  form: Form,
  variables: ProcessVariables,
  environment: Environment,
): Promise<Partial<MirrorWishes>> {
  const { machine } = environment
  const [platforms, minAge, backup] = [
    await readPlatforms(form, machine),
    await readMinAge(form),
    readBackup(form, variables),
  ]
  const carried = CARRIED[readChoice(form, 'referrers', ['true', 'recheck', 'false'])]
  const prune = PRUNES[readChoice(form, 'prune', ['false', 'plan', 'true'])]
  const existing = readChoice(form, 'existing', ['follow', 'add', 'fail'])
  const scan = readChoice(form, 'scan', ['off', 'gate', 'report'])
  return {
    ...(platforms === undefined ? {} : { platforms }),
    ...(minAge === undefined ? {} : { minAge }),
    ...(backup === undefined ? {} : { backup }),
    ...(form.given('referrers') ? { referrers: { carry: carried, filters: [] }, digestTags: carried } : {}),
    ...(form.given('prune') ? { prune } : {}),
    ...(form.given('existing') ? { existing } : {}),
    ...(form.given('scan') ? { scan } : {}),
  }
}

async function readPlatforms(form: Form, machine: string): Promise<MirrorWishes['platforms'] | undefined> {
  const items = await readItems(form, 'platforms')
  const platforms = items.flatMap(({ text, line }) => {
    const platform = parsePlatform(text, machine)
    if (platform !== undefined) return [platform]
    form.mistakes.push({ input: 'platforms', line, text: `${quoted(text)} is no platform such as linux/arm64` })
    return []
  })
  return platforms.length === 0 ? undefined : { kind: 'subset', platforms }
}

async function readMinAge(form: Form): Promise<MirrorWishes['minAge'] | undefined> {
  const text = form.text('min-age').trim()
  const items = await readItems(form, 'min-age-except')
  const except = items.map((item): TagPattern => {
    const pattern: TagPattern = { text: item.text, reading: 'glob' }
    const fault = patternFault(pattern)
    if (fault !== undefined) form.mistakes.push({ input: 'min-age-except', line: item.line, text: fault })
    return pattern
  })
  if (text === '') {
    if (except.length > 0)
      form.mistakes.push({ input: 'min-age-except', text: 'it makes exceptions from min-age, which is not set' })
    return undefined
  }
  const milliseconds = parseDuration(text)
  if (milliseconds !== undefined) return { milliseconds, except }
  form.mistakes.push({ input: 'min-age', text: `${quoted(text)} is no time such as 12h or 3d` })
  return undefined
}

function readBackup(form: Form, variables: ProcessVariables): NameTemplate | undefined {
  const text = form.text('backup').trim()
  if (text === '') return undefined
  const template = parseNameTemplate(text, BACKUP_FIELDS)
  if ('why' in template) {
    form.mistakes.push({ input: 'backup', text: template.why })
    return undefined
  }
  if (asksFor(template, 'file').length > 0) {
    form.mistakes.push({ input: 'backup', text: 'a name is not read from a file here' })
  }
  const env = Object.fromEntries(asksFor(template, 'env').map((name) => [name, variables[name] ?? '']))
  return settled(template, { env, file: {} })
}

function mustName(
  form: Form,
  { lines, path }: { readonly lines: readonly MirrorEntry[]; readonly path: string },
): void {
  if (lines.length > 0 || path !== '' || form.text('images').trim() !== '') return
  form.mistakes.push({
    input: 'images',
    text: 'nothing is named: say in `images` or in a file (`config`) what to copy',
  })
}

/** Within the lines and within the file it is looked at where they are read. */
function refuseClashes(form: Form, entries: readonly MirrorEntry[]): void {
  const files = new Set(entries.map(({ origin }) => origin.file))
  if (files.size < 2) return
  for (const { text, harmless } of clashesOf(entries)) {
    if (!harmless && !form.mistakes.some((mistake) => mistake.text === text))
      form.mistakes.push({ input: 'config', text })
  }
}

/**
 * What the workflow says of a registry comes before what the file says, and the token of the job, which nobody named, after
 * both.
 */
function joined(named: readonly NamedLogin[], filed: readonly NamedLogin[], token: string): readonly NamedLogin[] {
  const isOwn = ({ password, registry }: NamedLogin) =>
    password === token && filed.some((login) => login.registry === registry && login.prefix === '')
  return [...named.filter((login) => !isOwn(login)), ...filed]
}

function placesOf(entries: readonly MirrorEntry[]): Places {
  const named = entries.flatMap((entry) => (entry.kind === 'registry' ? [] : [entry]))
  return {
    images: named.flatMap(({ targets }) => targets.map(({ registry, path }) => ({ registry, path }))),
    sources: named.map(({ source: { registry, path } }) => ({ registry, path })),
  }
}
