import type { RegistrySettings } from '../access.ts'
import { choiceAt, countAt, type Located, lineAt, type Section, sectionsAt, textAt } from './file-section.ts'
import { type Around, expandLocated } from './file-templates.ts'
import type { NamedLogin } from './logins.ts'
import { mismatch, PEM_KINDS } from './pem.ts'
import { quoted } from './quoted.ts'
import { parseRegistry } from './registry-name.ts'
import { MOST_PARALLEL } from './registry-settings.ts'

/** Keys of `creds`, which is `Host` of regclient's `config/host.go`. */
const KEYS = [
  'registry',
  'hostname',
  'user',
  'pass',
  'token',
  'credHelper',
  'credExpire',
  'credHost',
  'repoAuth',
  'tls',
  'scheme',
  'regcert',
  'clientCert',
  'clientKey',
  'pathPrefix',
  'mirrors',
  'priority',
  'api',
  'apiOpts',
  'blobChunk',
  'blobMax',
  'reqPerSec',
  'reqConcurrent',
]

/** What this action cannot do, and what to do instead. To pass over such a key would ask another registry than was meant. */
const REFUSED: Readonly<Record<string, string>> = {
  token: 'logins are a `user` and a `pass` here',
  credHelper: 'name the helper in ~/.docker/config.json (`credHelpers`), which is read here too',
  credHost: 'name the helper in ~/.docker/config.json (`credHelpers`), which is read here too',
  pathPrefix: 'write the prefix in the `source` of each entry',
  mirrors: 'write the mirror in the `source` of each entry',
  scheme: 'write `tls: disabled` for http',
}

/** What only says how fast regsync works, or what happens here without being told (`repoAuth`). */
const TUNING = ['credExpire', 'priority', 'api', 'apiOpts', 'blobChunk', 'blobMax', 'reqPerSec']

export type Creds = { readonly logins: readonly NamedLogin[]; readonly settings: readonly RegistrySettings[] }
/** `withheld`: the event gets no secrets, so that empty ones are no mistake. */
export type Keeping = Around & { readonly withheld: boolean }

/** `creds`: logins, and how registries are reached. No message shows a user, a password or a key. */
export async function readCreds(root: Section, keeping: Keeping): Promise<Creds> {
  const logins: NamedLogin[] = []
  const settings: RegistrySettings[] = []
  const seen = new Set<string>()
  for (const section of sectionsAt(root, 'creds', KEYS) ?? []) {
    refuse(section)
    const registry = await readRegistry(section, keeping)
    if (registry === undefined) continue
    if (seen.has(registry)) section.reading.fault(section.line, `${registry} is there twice`)
    seen.add(registry)
    readHostname(section, registry)
    logins.push(...(await readLogin(section, keeping, registry)))
    settings.push(...(await readSettings(section, keeping, registry)))
  }
  return { logins, settings }
}

function refuse(section: Section): void {
  for (const [key, instead] of Object.entries(REFUSED)) {
    const line = lineAt(section, key)
    if (line !== undefined) section.reading.fault(line, `\`${key}\` is not supported: ${instead}`)
  }
  for (const key of TUNING) {
    const line = lineAt(section, key)
    if (line !== undefined)
      section.reading.remark(line, `\`${key}\` is passed over: this action has its own ways there`)
  }
}

async function readRegistry(section: Section, keeping: Keeping): Promise<string | undefined> {
  const { reading, line } = section
  const written = textAt(section, 'registry')
  const text = written === undefined ? '' : await expandLocated(reading, keeping, written)
  if (text === undefined) return undefined
  const name = parseRegistry(text)
  if (name?.prefix === '') return name.registry
  const why =
    text === '' ? 'an entry of `creds` names its `registry`' : `${quoted(text)} is not a registry such as ghcr.io`
  reading.fault(written?.line ?? line, why)
  return undefined
}

function readHostname(section: Section, registry: string): void {
  const hostname = textAt(section, 'hostname')
  if (hostname === undefined || parseRegistry(hostname.text)?.registry === registry) return
  section.reading.fault(
    hostname.line,
    '`hostname` is not supported: write that host in the `source` or `target` itself',
  )
}

async function readLogin(section: Section, keeping: Keeping, registry: string): Promise<readonly NamedLogin[]> {
  const [user, pass] = [textAt(section, 'user', true), textAt(section, 'pass', true)]
  if (user === undefined && pass === undefined) return []
  if (pass !== undefined && !pass.text.includes('{{')) {
    section.reading.remark(pass.line, `a password stands in the file itself; {{env "X"}} takes it from the step`)
  }
  const username = await expandSecret(section, keeping, user)
  const password = await expandSecret(section, keeping, pass)
  if (username === undefined || password === undefined) return []
  if (username !== '' && password !== '') {
    return [{ registry, prefix: '', username, password, use: 'both', useGiven: true }]
  }
  tellEmpty(section, keeping, registry, [...(username === '' ? ['user'] : []), ...(password === '' ? ['pass'] : [])])
  return []
}

async function expandSecret(
  section: Section,
  keeping: Keeping,
  value: Located | undefined,
): Promise<string | undefined> {
  return value === undefined ? '' : (await expandLocated(section.reading, keeping, value))?.trim()
}

// Without it regclient would ask as nobody, and a misspelt secret be a puzzle of refusals.
function tellEmpty(section: Section, { withheld }: Keeping, registry: string, empty: readonly string[]): void {
  const what = empty.map((key) => `\`${key}\``).join(' and ')
  const line = empty.map((key) => lineAt(section, key)).find((at) => at !== undefined) ?? section.line
  if (withheld) {
    section.reading.remark(line, `${registry} is used without a login: ${what} is empty, as secrets are for this event`)
  } else {
    const text = `the login to ${registry} has no ${what}; is the variable spelt right, and given to this step in \`env\`?`
    section.reading.fault(line, text, { code: 'LOGIN_FAILED' })
  }
}

async function readSettings(
  section: Section,
  keeping: Keeping,
  registry: string,
): Promise<readonly RegistrySettings[]> {
  const tls = choiceAt(section, 'tls', ['enabled', 'disabled', 'insecure'])
  const ca = await readPem(section, keeping, 'regcert')
  const client = await readClient(section, keeping)
  const parallel = readParallel(section)
  const insecure = tls === 'disabled' || tls === 'insecure'
  if (!insecure && ca === undefined && client === undefined && parallel === undefined) return []
  return [
    {
      registry,
      insecure,
      ...(ca === undefined ? {} : { ca }),
      ...(client === undefined ? {} : { client }),
      ...(parallel === undefined ? {} : { parallel }),
    },
  ]
}

// Zero is what regclient does without being told.
function readParallel(section: Section): number | undefined {
  const count = countAt(section, 'reqConcurrent', { least: 0, most: MOST_PARALLEL })
  return count === 0 ? undefined : count
}

async function readClient(section: Section, keeping: Keeping): Promise<RegistrySettings['client']> {
  const [cert, key] = [await readPem(section, keeping, 'clientCert'), await readPem(section, keeping, 'clientKey')]
  const [certLine, keyLine] = [lineAt(section, 'clientCert'), lineAt(section, 'clientKey')]
  if ((certLine === undefined) !== (keyLine === undefined)) {
    section.reading.fault(certLine ?? keyLine ?? section.line, '`clientCert` and `clientKey` stand together')
  }
  if (cert === undefined || key === undefined) return undefined
  const why = await mismatch(cert, key)
  if (why === undefined) return { cert, key }
  section.reading.fault(keyLine ?? section.line, `clientKey: ${why.replace('`client-cert`', '`clientCert`')}`)
  return undefined
}

const PEM = { regcert: PEM_KINDS.ca, clientCert: PEM_KINDS['client-cert'], clientKey: PEM_KINDS['client-key'] } as const

async function readPem(section: Section, keeping: Keeping, key: keyof typeof PEM): Promise<string | undefined> {
  const written = textAt(section, key, true)
  if (written === undefined) return undefined
  const text = await expandLocated(section.reading, keeping, written)
  if (text === undefined || PEM[key].pattern.test(text)) return text
  const why = `${key}: here is no ${PEM[key].name} in PEM form; {{file "x.pem"}} takes one from a file`
  section.reading.fault(written.line, why)
  return undefined
}
