import type { Credential } from '../access.ts'
import type { Exec, Variables } from '../edges.ts'
import { LadingError } from '../error.ts'
import { parseSecretJson } from './docker-config-file.ts'

/** How credential helpers are run. */
export type HelperPrograms = { readonly exec: Exec; readonly env: Variables }

/** `docker-credential-NAME get`: the server on standard input, JSON on standard output (docker/docker-credential-helpers). */
export async function askHelper(
  name: string,
  server: string,
  programs: HelperPrograms,
): Promise<Credential | undefined> {
  const ended = await programs.exec({
    program: helperProgram(name),
    args: ['get'],
    env: programs.env,
    input: server,
    timeoutMs: 30_000,
  })
  if (ended.kind === 'absent') {
    throw new LadingError(
      'LOGIN_FAILED',
      `asking for the login of ${server}: the credential helper docker-credential-${name} is not on PATH`,
      {
        hint: 'Install the helper, or name the login in `registry-auth`.',
      },
    )
  }
  if (ended.kind === 'stopped') {
    if (ended.why === 'cancelled')
      throw new LadingError('CANCELLED', `asking docker-credential-${name}: the step was cancelled`)
    throw new LadingError('LOGIN_FAILED', `docker-credential-${name} did not answer within 30 s`)
  }
  if (ended.code !== 0) {
    const said = `${ended.stdout} ${ended.stderr}`.trim()
    if (/not found in native keychain|no credentials/i.test(said)) return undefined
    throw new LadingError(
      'LOGIN_FAILED',
      `docker-credential-${name} failed for ${server}: ${said.split('\n')[0]?.slice(0, 200) ?? ''}`,
    )
  }
  const json = parseSecretJson(ended.stdout, `docker-credential-${name}`)
  const { Username: username, Secret: secret } = json
  if (typeof secret !== 'string' || secret === '') return undefined
  // The helpers' protocol: this user name says that the secret is an identity token.
  if (username === '<token>') return { kind: 'identity-token', token: secret }
  return { kind: 'password', username: typeof username === 'string' ? username : '', password: secret }
}

/** The servers that a store has logins for; none when it cannot say. */
export async function listHelper(name: string, programs: HelperPrograms): Promise<readonly string[]> {
  const ended = await programs.exec({
    program: helperProgram(name),
    args: ['list'],
    env: programs.env,
    input: '',
    timeoutMs: 30_000,
  })
  if (ended.kind !== 'exited' || ended.code !== 0) return []
  return Object.keys(parseSecretJson(ended.stdout, `docker-credential-${name}`))
}

function helperProgram(name: string): string {
  // The name becomes a program: it must not be able to leave PATH.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new LadingError(
      'LOGIN_FAILED',
      `the docker configuration names “${name.slice(0, 60)}” as a credential helper; that is no helper's name`,
    )
  }
  return `docker-credential-${name}`
}
