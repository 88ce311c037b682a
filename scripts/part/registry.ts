import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { onPath, run } from './command.ts'
import { randomName } from './folder.ts'
import { requirePart } from './locate.ts'
import { openFolder, type Running, supervise, untilReady } from './supervised.ts'
import { watched } from './watched.ts'

export type AccessLine = {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly userAgent: string
  readonly bytes: number
}

export type StartedRegistry = {
  /** 127.0.0.1:PORT, as it stands in a reference. */
  readonly host: string
  readonly url: string
  /** The folder that holds its data. */
  readonly directory: string
  /** What it answered so far, in the order in which the answers ended. */
  requests(): Promise<readonly AccessLine[]>
  stop(): Promise<void>
}

export type RegistryOptions = {
  readonly htpasswd?: { readonly username: string; readonly password: string }
  /** A token service; its tokens are signed with the key of this certificate (PEM text). */
  readonly token?: TokenAuth
  /** Certificate and key, as PEM text or as files; with `clients` only who has a certificate of that authority is let in. */
  readonly tls?: Tls
  /** A folder for the data that outlives the registry. */
  readonly directory?: string
  /** Makes it a pull-through mirror of another registry. */
  readonly proxyRemoteUrl?: string
}

type TokenAuth = {
  readonly realm: string
  readonly service: string
  readonly issuer: string
  readonly certificate: string
}

type Tls = { readonly cert: string; readonly key: string; readonly clients?: string }

/** Starts a registry on a free port of 127.0.0.1, with deleting allowed; it answers when this resolves. */
export async function startRegistry(version: 2 | 3, options: RegistryOptions = {}): Promise<StartedRegistry> {
  const binary = await requirePart(version === 2 ? 'registry2' : 'registry3')
  const { folder } = await openFolder(`registry${version}`)
  const directory = options.directory ?? path.join(folder, 'data')
  await mkdir(directory, { recursive: true })
  const file = path.join(folder, 'config.json')
  await writeFile(file, JSON.stringify(await configuration(folder, directory, options), undefined, 2))
  const running = await supervise({
    folder,
    command: watched([binary, 'serve', file]),
    environment: { OTEL_TRACES_EXPORTER: 'none' },
  })
  const host = await hostOf(running, version)
  const url = `${options.tls === undefined ? 'http' : 'https'}://${host}`
  return { host, url, directory, requests: () => requests(running, url), stop: () => running.stop() }
}

/** Written as JSON, which every YAML reader takes. */
async function configuration(folder: string, directory: string, options: RegistryOptions): Promise<object> {
  return {
    version: '0.1',
    log: { level: 'info', formatter: 'text', accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: directory },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      // The system picks the port, so that two registries never want the same one.
      addr: '127.0.0.1:0',
      secret: 'for one test run',
      ...(options.tls === undefined ? {} : { tls: await certificate(folder, options.tls) }),
    },
    ...(options.htpasswd === undefined ? {} : { auth: { htpasswd: await passwords(folder, options.htpasswd) } }),
    ...(options.token === undefined ? {} : { auth: { token: await tokens(folder, options.token) } }),
    ...(options.proxyRemoteUrl === undefined ? {} : { proxy: { remoteurl: options.proxyRemoteUrl } }),
  }
}

async function certificate(folder: string, tls: Tls): Promise<object> {
  const clients = tls.clients === undefined ? [] : [await asFile(tls.clients, path.join(folder, 'clients.pem'))]
  return {
    certificate: await asFile(tls.cert, path.join(folder, 'certificate.pem')),
    key: await asFile(tls.key, path.join(folder, 'key.pem')),
    ...(clients.length === 0 ? {} : { clientcas: clients }),
  }
}

async function asFile(pem: string, file: string): Promise<string> {
  if (!pem.includes('-----BEGIN')) {
    return path.resolve(pem)
  }
  await writeFile(file, pem, { mode: 0o600 })
  return file
}

async function tokens(folder: string, { certificate, ...token }: TokenAuth): Promise<object> {
  return { ...token, rootcertbundle: await asFile(certificate, path.join(folder, 'token.pem')) }
}

async function passwords(folder: string, user: { username: string; password: string }): Promise<object> {
  const file = path.join(folder, 'htpasswd')
  await writeFile(file, `${user.username}:${await bcrypt(user)}\n`, { mode: 0o600 })
  return { realm: 'parts', path: file }
}

/** Registries take bcrypt alone. Apache's tool makes it where it is there, and Perl by the C library on Debian and its like. */
async function bcrypt(user: { username: string; password: string }): Promise<string> {
  if ((await onPath('htpasswd')) !== undefined) {
    const made = await run('htpasswd', ['-nbB', user.username, user.password])
    return made.stdout.trim().slice(user.username.length + 1)
  }
  const salt = createHash('sha256').update(randomName()).digest('hex').slice(0, 21)
  const made = await run('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', user.password, `$2y$05$${salt}u`])
  if (!made.stdout.startsWith('$2y$')) {
    throw new Error(
      'Could not make a bcrypt hash for a registry with a password: no htpasswd, and this Perl cannot either. ' +
        'Install htpasswd (apache2-utils).',
    )
  }
  return made.stdout
}

async function hostOf(running: Running, version: 2 | 3): Promise<string> {
  let host = ''
  await untilReady(running, `registry ${version}`, async () => {
    const log = await readFile(running.errors, 'utf8').catch(() => '')
    host = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1] ?? ''
    return host !== ''
  })
  return host
}

const MARKER = 'parts-marker'

/** A line is written just after its answer went out: a request of our own at the end shows that all before it are there. */
async function requests(running: Running, url: string): Promise<readonly AccessLine[]> {
  const marker = `${MARKER}/${randomName()}`
  await ask(`${url}/v2/`, marker)
  for (let tries = 0; tries < 100; tries += 1) {
    const log = await readFile(running.output, 'utf8')
    if (log.includes(marker)) {
      return log.split('\n').flatMap(accessLine)
    }
    await pause(10)
  }
  throw new Error(`The registry at ${url} did not log a request within a second. See ${running.output}.`)
}

async function ask(url: string, userAgent: string): Promise<void> {
  const options = { headers: { 'user-agent': userAgent }, rejectUnauthorized: false, agent: false }
  const request = url.startsWith('https:') ? tlsRequest : plainRequest
  await new Promise<void>((resolve, reject) => {
    const sent = request(url, options, (answer) => answer.resume().once('end', resolve))
    sent.once('error', reject).end()
  })
}

const LINE = /^\S+ \S+ .+? \[[^\]]+\] "(\S+) (\S+) [^"]*" (\d{3}) (\d+) "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)"/

function accessLine(line: string): readonly AccessLine[] {
  const [, method, target, status, bytes, userAgent] = LINE.exec(line) ?? []
  if (method === undefined || target === undefined || userAgent === undefined || userAgent.startsWith(MARKER)) {
    return []
  }
  const text = { path: unquoted(target), userAgent: unquoted(userAgent) }
  return [{ method, status: Number(status), bytes: Number(bytes), ...text }]
}

function unquoted(text: string): string {
  return text.replaceAll(/\\(["\\])/g, '$1')
}
