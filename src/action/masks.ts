import type { Login, RegistrySettings } from '../access.ts'
import { type Form, openForm, type ProcessVariables } from './form.ts'
import { type ListItem, readLines } from './lists.ts'
import { scalarText } from './yaml-list.ts'

const LONGEST_FRAGMENT = 3
// What is no secret in `registry-auth`. Every other key is taken for a misspelt `password`.
const OPEN_KEYS = ['registry', 'username', 'use', 'role-to-assume']
/** Secrets that are no inputs: of the runner's own services, and of an identity at AWS. */
const RUNNER_SECRETS = [
  'ACTIONS_RUNTIME_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
]

/**
 * Every text that no log may show, for `::add-mask::`, before anything else is printed: the secrets of all inputs line
 * by line, and the Basic credentials made of them; and those of the environment: tokens of the runner, keys of AWS.
 * Never throws for what an input holds.
 */
export async function masksOf(variables: ProcessVariables): Promise<readonly string[]> {
  const form = openForm(variables)
  const pairs = await credentialsOf(form, variables['GITHUB_ACTOR'] ?? '')
  const basic = pairs.flatMap(({ username, password }) => basicForms(username, password))
  const texts = [
    form.text('token'),
    form.text('password'),
    ...RUNNER_SECRETS.map((name) => variables[name] ?? ''),
    ...pairs.map(({ password }) => password),
    ...(await authTexts(form.text('registry-auth'))),
    ...(await keyTexts(form.text('registry-config'))),
    ...(await secretTexts(form)),
  ]
  return [...new Set([...texts.flatMap(linesOf), ...basic])].filter((text) => text !== '')
}

/** The same for secrets that a file holds: what nobody may see of its logins and keys, before anything of it is told. */
export function masksOfFile(logins: readonly Login[], settings: readonly RegistrySettings[]): readonly string[] {
  const keys = settings.flatMap(({ client }) => (client === undefined ? [] : linesOf(client.key)))
  const passwords = logins.flatMap(({ username, password }) => [
    ...linesOf(password),
    ...basicForms(username, password),
  ])
  return [...new Set([...passwords, ...keys])].filter((text) => text !== '')
}

// Short lines of a long secret, a brace of a JSON key say, are no secrets, and would blank half of the log.
function linesOf(secret: string): readonly string[] {
  const lines = secret
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return lines.length < 2 ? lines : lines.filter((line) => line.length > LONGEST_FRAGMENT)
}

type Pair = { readonly username: string; readonly password: string }

async function credentialsOf(form: Form, actor: string): Promise<readonly Pair[]> {
  const username = form.text('username').trim()
  const single = { username: username === '' ? actor : username, password: form.text('password').trim() }
  const own = { username: actor === '' ? 'x-access-token' : actor, password: form.text('token').trim() }
  const listed = (await authMaps(form.text('registry-auth'))) ?? []
  const named = listed.map((map) => ({ username: map['username'] ?? actor, password: map['password'] ?? '' }))
  return [single, own, ...named].filter(({ password }) => password !== '')
}

function basicForms(username: string, password: string): readonly string[] {
  return [`${username}:${password}`, `${username}:${password.trim()}`].map((text) =>
    Buffer.from(text).toString('base64'),
  )
}

async function authTexts(text: string): Promise<readonly string[]> {
  if (text.trim() === '') return []
  const maps = await authMaps(text)
  if (maps === undefined) return text.split(/\r?\n/).flatMap(brokenLine)
  return maps.flatMap((map) => Object.entries(map).flatMap(([key, value]) => (OPEN_KEYS.includes(key) ? [] : [value])))
}

/** Private keys that stand in `registry-config` themselves; a text that nobody can read may hold one anywhere. */
async function keyTexts(text: string): Promise<readonly string[]> {
  if (!text.includes('-----BEGIN')) return []
  const maps = await authMaps(text)
  return maps === undefined ? [text] : maps.flatMap((map) => map['client-key'] ?? [])
}

// In YAML that nobody can read every value may be a password.
function brokenLine(line: string): readonly string[] {
  const value = line.replace(/^\s*(?:-\s+)?(?:[\w-]+\s*:(?:\s+|$))?/, '').trim()
  const bare = value.replace(/^(['"])(.*)\1$/, '$2').replace(/^['"]/, '')
  const last = value.split(/\s+/).at(-1) ?? ''
  return [value, bare, last].filter((text) => text.length > LONGEST_FRAGMENT && !OPEN_KEYS.includes(text))
}

/** The entries of the list, or `undefined` when it is not a YAML list of maps. */
async function authMaps(text: string): Promise<readonly Readonly<Record<string, string>>[] | undefined> {
  if (text.trim() === '') return []
  const { isMap, isSeq, parseDocument } = await import('yaml')
  const document = parseDocument(text, { prettyErrors: false, schema: 'core' })
  const list = document.contents
  if (document.errors.length > 0 || !isSeq(list)) return undefined
  const maps = list.items.map((item) => {
    if (!isMap(item)) return undefined
    const pairs = item.items.map((pair) => [scalarText(pair.key), pair.value === null ? '' : scalarText(pair.value)])
    return pairs.every((pair): pair is [string, string] => !pair.includes(undefined))
      ? Object.fromEntries(pairs)
      : undefined
  })
  return maps.every((map) => map !== undefined) ? maps : undefined
}

async function secretTexts(form: Form): Promise<readonly string[]> {
  // A form of its own: what is wrong with the input is told later, by those who read it.
  const apart: Form = { ...form, mistakes: [], notices: [] }
  const items = await readLines(apart, 'secrets')
  if (apart.mistakes.length > 0) return form.text('secrets').split(/\r?\n/).map(afterEquals)
  return items.map(({ text }: ListItem) => afterEquals(text))
}

function afterEquals(line: string): string {
  return line
    .slice(line.indexOf('=') + 1)
    .trim()
    .replace(/^"|"$/g, '')
}
