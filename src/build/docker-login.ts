import type { Login } from '../access.ts'
import type { Clock, Ended, Exec, Variables } from '../edges.ts'
import { LadingError } from '../error.ts'
import { DOCKER_HUB } from '../image/reference.ts'
import { lastLine } from '../plain-text.ts'

const TIME_LIMIT_MS = 60_000
const RETRY_AFTER_MS = [2_000, 4_000, 8_000]

// What a registry says when it knows us and does not want us; asking again could lock an account.
const REFUSAL = /unauthorized|denied|forbidden|incorrect username or password|invalid username\/password|\b40[13]\b/i
const TROUBLE =
  /time(?:d )?out|deadline exceeded|connection (?:refused|reset)|no such host|temporary failure|unreachable|handshake|\bEOF\b|broken pipe|too many requests|toomanyrequests|bad gateway|unavailable|internal server error|\b(?:429|5\d\d)\b/i

/** What a login runs with. */
export type DockerLogin = { readonly exec: Exec; readonly clock: Clock; readonly env: Variables }

/**
 * The logins that `docker` gets. Its configuration knows hosts and no repositories: of several logins at one host it
 * gets the most general one. Those for pushing alone are none of its business.
 */
export function dockerLogins(logins: readonly Login[]): readonly Login[] {
  const byRegistry = new Map<string, Login>()
  for (const login of logins.filter((login) => login.use !== 'push')) {
    const chosen = byRegistry.get(login.registry)
    if (chosen === undefined || login.prefix.length < chosen.prefix.length) byRegistry.set(login.registry, login)
  }
  return [...byRegistry.values()]
}

/**
 * `docker login` into the configuration that `env` names; the password goes over standard input. Tried again after
 * timeouts, 5xx and connection trouble, never after a refusal.
 * Throws `LOGIN_FAILED`, `BUILDER_MISSING` when there is no `docker`, `CANCELLED`.
 */
export async function dockerLogin(login: Login, world: DockerLogin): Promise<void> {
  for (const wait of [...RETRY_AFTER_MS, undefined]) {
    const failure = explain(await logIn(login, world), login)
    if (failure === undefined) return
    if (!failure.again || wait === undefined) throw failure.error
    await world.clock.sleep(wait)
  }
}

function logIn(login: Login, { exec, env }: DockerLogin): Promise<Ended> {
  return exec({
    program: 'docker',
    // Without a host `docker` takes Docker Hub, and writes it under the only key that pulls look at.
    args: [
      'login',
      '--username',
      login.username,
      '--password-stdin',
      ...(login.registry === DOCKER_HUB ? [] : [login.registry]),
    ],
    env,
    input: login.password,
    timeoutMs: TIME_LIMIT_MS,
  })
}

type Failure = { readonly error: LadingError; readonly again: boolean }

function explain(ended: Ended, login: Login): Failure | undefined {
  if (ended.kind === 'exited' && ended.code === 0) return undefined
  const doing = `logging in to ${login.registry} as ${login.username} for the build`
  if (ended.kind === 'absent') {
    return { again: false, error: new LadingError('BUILDER_MISSING', `${doing}: there is no program docker on PATH`) }
  }
  if (ended.kind === 'stopped') return stopped(doing, ended.why)
  const said = lastLine(ended.stderr) || lastLine(ended.stdout) || `docker login ended with exit code ${ended.code}`
  // Programs have printed what they were given before.
  const why = login.password === '' ? said : said.replaceAll(login.password, '***')
  const again = !REFUSAL.test(why) && TROUBLE.test(why)
  const hint = again ? { hint: `Check whether this runner can reach ${login.registry} (DNS, firewall, proxy).` } : {}
  return { again, error: new LadingError('LOGIN_FAILED', `${doing}: ${why}`, hint) }
}

function stopped(doing: string, why: 'timeout' | 'cancelled'): Failure {
  if (why === 'cancelled')
    return { again: false, error: new LadingError('CANCELLED', `${doing}: the step was cancelled`) }
  const message = `${doing}: docker login gave no answer within ${TIME_LIMIT_MS / 1000} s`
  return { again: true, error: new LadingError('LOGIN_FAILED', message) }
}
