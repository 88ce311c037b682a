import type { AwsAccess, AwsLogin, Login } from '../access.ts'
import { parseEcr } from '../image/ecr-name.ts'
import { DOCKER_HUB, type Repository } from '../image/reference.ts'
import type { Environment } from '../plan/environment.ts'
import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { quoted } from './quoted.ts'
import { parseRegistry, type RegistryName } from './registry-name.ts'
import { readYamlList, type YamlEntry } from './yaml-list.ts'

/** A login, and whether the user said what it is for: an unsaid `use` on docker.io steps back behind the machine's own login. */
export type NamedLogin = Login & { readonly useGiven: boolean }

/** Repositories that are written, and those that are only read. */
export type Places = { readonly images: readonly Repository[]; readonly sources: readonly Repository[] }

const GITHUB = 'ghcr.io'
const USES = ['both', 'pull', 'push'] as const

/** All logins: `registry`/`username`/`password`, those of `registry-auth`, and the job's own on ghcr.io. */
export async function readLogins(
  form: Form,
  environment: Environment,
  { images, sources, tokens }: Places & Pick<AwsAccess, 'tokens'>,
): Promise<Logins> {
  const about = { form, environment, tokens }
  const single = readSingle(about, images)
  const entries = await readYamlList(form, 'registry-auth', [...KEYS])
  const listed = entries.flatMap((entry) => readListed(about, entry))
  const named = [...single, ...listed]
  refuseTwins(form, named)
  const logins = named.flatMap(({ login }) => ('identity' in login ? [] : [login]))
  const aws = named.flatMap(({ login }) => ('identity' in login ? [login] : []))
  const own = ownLogins(form, environment, { images: [...images, ...sources], logins })
  return { logins: [...logins, ...own], aws }
}

const KEYS = ['registry', 'username', 'password', 'use', 'role-to-assume'] as const

/** Logins with a secret of their own, and those that are made from an identity at AWS. */
export type Logins = { readonly logins: readonly NamedLogin[]; readonly aws: readonly AwsLogin[] }

type About = { readonly form: Form; readonly environment: Environment } & Pick<AwsAccess, 'tokens'>
type Place = { readonly input: InputName; readonly line?: number }
type Found = { readonly login: NamedLogin | AwsLogin; readonly place: Place }

function readSingle(about: About, images: readonly Repository[]): readonly Found[] {
  const { form } = about
  const username = form.text('username').trim()
  const password = form.text('password').trim()
  const named = form.text('registry').trim()
  if (username === '' && password === '' && named === '') return []
  const place = { input: 'registry' } as const
  const name = named === '' ? registryOfImages(form, images) : namedRegistry(form, place, named)
  if (name === undefined) return []
  return complete({ ...about, place: { input: 'username' } }, name, { username, password, use: undefined })
}

function registryOfImages(form: Form, images: readonly Repository[]): RegistryName | undefined {
  const registries = [...new Set(images.map((image) => image.registry))]
  const [registry] = registries
  if (registries.length > 1) {
    const text = `the images are in ${registries.length} registries: say in \`registry\` which one this login is for, or use \`registry-auth\``
    form.mistakes.push({ input: 'username', text })
    return undefined
  }
  return registry === undefined ? undefined : { registry, prefix: '' }
}

function namedRegistry(form: Form, place: Place, text: string): RegistryName | undefined {
  const name = parseRegistry(text)
  if (name === undefined)
    form.mistakes.push({ ...place, text: `${quoted(text)} is not a registry such as ghcr.io or ghcr.io/acme` })
  return name
}

function readListed(about: About, { values, line }: YamlEntry): readonly Found[] {
  const { form } = about
  const place = { input: 'registry-auth', line } as const
  const written = values['registry']?.text ?? ''
  // As in login-action, an entry without a registry is for Docker Hub.
  const name = written === '' ? { registry: DOCKER_HUB, prefix: '' } : namedRegistry(form, place, written)
  const use = values['use']
  if (use !== undefined && !isUse(use.text)) {
    const meant = { word: use.text, among: USES }
    form.mistakes.push({
      ...place,
      line: use.line,
      text: `use: ${quoted(use.text)} is none of pull, push, both`,
      meant,
    })
  }
  if (name === undefined) return []
  const role = values['role-to-assume']?.text.trim() ?? ''
  if (role !== '') return readRole({ ...about, place }, name, { role, use: use?.text, values })
  return complete({ ...about, place }, name, {
    username: values['username']?.text.trim() ?? '',
    password: values['password']?.text.trim() ?? '',
    use: isUse(use?.text) ? use?.text : undefined,
  })
}

type Role = { readonly role: string; readonly use: string | undefined; readonly values: YamlEntry['values'] }

// docs.aws.amazon.com, "IAM identifiers"; the partitions are those of China, GovCloud, Europe and others.
const ROLE = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/

/** A role at AWS that the identity of the job may take on. */
function readRole(about: Completing, name: RegistryName, { role, use, values }: Role): readonly Found[] {
  const { form, environment, place, tokens } = about
  const why = roleFault(name, role, tokens)
  const secrets = (['username', 'password'] as const).filter((key) => (values[key]?.text.trim() ?? '') !== '')
  if (why !== undefined) form.mistakes.push({ ...place, text: why })
  if (secrets.length > 0)
    form.mistakes.push({ ...place, text: `role-to-assume stands for ${secrets.join(' and ')}: leave one of them out` })
  if (secretsWithheld(environment)) {
    form.notices.push(`${name.registry} is used without a login: this event gets no identity`)
    return []
  }
  return [{ login: { ...name, use: isUse(use) ? use : 'both', identity: { kind: 'role', role } }, place }]
}

function roleFault({ registry }: RegistryName, role: string, tokens: AwsAccess['tokens']): string | undefined {
  if (parseEcr(registry) === undefined) return `role-to-assume is for registries of Amazon ECR, and ${registry} is none`
  if (tokens === 'never') return 'role-to-assume asks AWS for a token, and `ecr: false` does not let it'
  return ROLE.test(role) ? undefined : `${quoted(role)} is no role such as arn:aws:iam::123456789012:role/publish`
}

function isUse(text: string | undefined): text is Login['use'] {
  return USES.some((use) => use === text)
}

type Completing = About & { readonly place: Place }
type Written = { readonly username: string; readonly password: string; readonly use: string | undefined }

function complete(about: Completing, name: RegistryName, written: Written): readonly Found[] {
  const { form, environment, place, tokens } = about
  const own = name.registry === GITHUB ? ownCredential(form, environment) : { username: '', password: '' }
  const username = written.username === '' ? own.username : written.username
  // The token of the job belongs to the actor: with another name it would be a login that nobody meant.
  const password = written.password === '' && written.username === '' ? own.password : written.password
  const use = isUse(written.use) ? written.use : 'both'
  if (username !== '' && password !== '') {
    const login = keysAt(name, { username, password, use, useGiven: written.use !== undefined }, tokens)
    return [{ login, place }]
  }
  const missing = [...(username === '' ? ['user name'] : []), ...(password === '' ? ['password'] : [])].join(' and ')
  if (secretsWithheld(environment)) {
    form.notices.push(
      `${name.registry} is used without a login: the ${missing} is empty, as secrets are for this event`,
    )
  } else {
    const text = `the login to ${name.registry} has no ${missing}; is the secret or variable spelt right, and known to this job?`
    form.mistakes.push({ ...place, text, code: 'LOGIN_FAILED' })
  }
  return []
}

/**
 * As in login-action, a user and a password at ECR are a pair of AWS keys, unless they are a token that somebody has asked
 * for already.
 */
function keysAt(
  name: RegistryName,
  login: Omit<NamedLogin, keyof RegistryName>,
  tokens: AwsAccess['tokens'],
): NamedLogin | AwsLogin {
  const { username, password, use } = login
  const isKey = tokens !== 'never' && username !== TOKEN_USER && parseEcr(name.registry) !== undefined
  if (!isKey) return { ...name, ...login }
  return { ...name, use, identity: { kind: 'keys', accessKeyId: username, secretAccessKey: password } }
}

/** Whom a token of ECR is for ("Registry authentication in Amazon ECR"). */
const TOKEN_USER = 'AWS'

// GitHub hands no secrets to pull requests of forks and to Dependabot; their runs build and scan all the same.
export function secretsWithheld(environment: Pick<Environment, 'actor' | 'pullRequest'>): boolean {
  return environment.pullRequest?.fromFork === true || environment.actor === 'dependabot[bot]'
}

function ownCredential(form: Form, environment: Environment) {
  const password = form.text('token').trim()
  // GHCR takes any name with a token.
  const username = environment.actor === '' ? 'x-access-token' : environment.actor
  return password === '' ? { username: '', password } : { username, password }
}

function refuseTwins(form: Form, found: readonly Found[]): void {
  const seen = new Set<string>()
  for (const { login, place } of found) {
    const name = [login.registry, ...(login.prefix === '' ? [] : [login.prefix])].join('/')
    const uses = login.use === 'both' ? ['pull', 'push'] : [login.use]
    if (uses.some((use) => seen.has(`${use} ${name}`)))
      form.mistakes.push({ ...place, text: `there are two logins to ${name}` })
    for (const use of uses) seen.add(`${use} ${name}`)
  }
}

type Known = { readonly images: readonly Repository[]; readonly logins: readonly NamedLogin[] }

function ownLogins(form: Form, environment: Environment, { images, logins }: Known): readonly NamedLogin[] {
  const { username, password } = ownCredential(form, environment)
  if (password === '' || !images.some((image) => image.registry === GITHUB)) return []
  const whole = logins.filter((login) => login.registry === GITHUB && login.prefix === '')
  const lacks = (use: 'pull' | 'push') => !whole.some((login) => login.use === 'both' || login.use === use)
  const own = { registry: GITHUB, prefix: '', username, password, useGiven: false }
  if (lacks('pull') && lacks('push')) return [{ ...own, use: 'both' }]
  if (lacks('push')) return [{ ...own, use: 'push' }]
  return lacks('pull') ? [{ ...own, use: 'pull' }] : []
}
