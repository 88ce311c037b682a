import type { LookupFunction } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Credential, Login, RegistrySettings } from '../../src/access.ts'
import type { Remote } from '../../src/edges.ts'
import { LadingError } from '../../src/error.ts'
import { parseRepository } from '../../src/image/reference.ts'
import { hostSettings } from '../../src/net/host-settings.ts'
import type { ProxySettings } from '../../src/net/proxy.ts'
import type { Send } from '../../src/net/send.ts'
import { openWire, type TimeLimits } from '../../src/net/wire.ts'
import type { DockerLogins } from '../../src/registry/docker-logins.ts'
import { type NamedAccess, openRegistries, type RegistriesOptions } from '../../src/registry/registries.ts'
import { type RegistryOptions, startRegistry } from './registry/server.ts'

export type ClientOptions = Pick<RegistriesOptions, 'unnamed' | 'creator'> & {
  readonly logins?: readonly NamedAccess[]
  readonly docker?: DockerLogins
  readonly settings?: readonly RegistrySettings[]
  readonly proxy?: ProxySettings
  readonly retries?: number
  readonly parallel?: number
  readonly signal?: AbortSignal
  /** Shorter than those of the action. */
  readonly limits?: Partial<TimeLimits>
  /** What a name's addresses are said to be. */
  readonly lookup?: LookupFunction
  /** Where names lead that are not their own address. */
  readonly address?: (registry: string) => URL | undefined
  /** Put around the wire, to look at what really goes out. */
  readonly around?: (send: Send) => Send
}

/** The registry client as the action wires it, with a clock that jumps instead of waiting. */
export type Client = {
  remote(name: string, use?: 'pull' | 'push'): Remote
  readonly masks: string[]
  readonly debug: string[]
  readonly warnings: string[]
  /** milliseconds, one entry for each wait */
  readonly waits: number[]
  /** Moves the clock on. */
  pass(milliseconds: number): void
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export function openClient(options: ClientOptions = {}): Client {
  const { signal = new AbortController().signal, settings = [], around = (send) => send } = options
  const [masks, debug, warnings, waits]: [string[], string[], string[], number[]] = [[], [], [], []]
  let jumped = 0
  const wire = openWire({
    userAgent: 'lading/test',
    // As in the action: the wire outlives a cancelled step for a moment.
    signal: new AbortController().signal,
    proxy: options.proxy ?? { except: '' },
    settings: (host) => hostSettings(settings, host),
    connections: 20,
    limits: options.limits ?? {},
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
  })
  const remote = openRegistries({
    logins: options.logins ?? [],
    docker: options.docker ?? dockerWith({}),
    ...(options.unnamed === undefined ? {} : { unnamed: options.unnamed }),
    ...(options.creator === undefined ? {} : { creator: options.creator }),
    settings,
    policy: {
      wire: around(wire.send),
      retries: options.retries ?? 5,
      parallel: options.parallel ?? 4,
      signal,
      now: () => new Date(Date.now() + jumped),
      async sleep(milliseconds) {
        if (signal.aborted) throw new LadingError('CANCELLED', 'the step was cancelled')
        waits.push(milliseconds)
        jumped += milliseconds
      },
      random: () => 0.5,
      debug: (line) => debug.push(line),
      warn: (message) => warnings.push(message),
      mask: (secret) => masks.push(secret),
      address: options.address ?? (() => undefined),
    },
  })
  return {
    remote: (name, use = 'push') => remote(parseRepository(name), use),
    masks,
    debug,
    warnings,
    waits,
    pass: (milliseconds) => {
      jumped += milliseconds
    },
    close: wire.close,
    [Symbol.asyncDispose]: wire.close,
  }
}

/** A registry, a client and one of its repositories, all gone again when the test ends. */
export async function connected(registryOptions: RegistryOptions = {}, more: ConnectedOptions = {}) {
  const registry = await startRegistry(registryOptions)
  const name = `${registry.host}/acme/api`
  const client = openClient({ logins: more.anonymous === true ? [] : [loginAt(registry.host)], ...more })
  onTestFinished(async () => {
    await Promise.all([client.close(), registry.stop()])
  })
  return { registry, client, name, remote: client.remote(name, more.use) }
}

type ConnectedOptions = ClientOptions & { readonly use?: 'pull' | 'push'; readonly anonymous?: boolean }

/** A login that is good for everything in one registry. */
export function loginAt(registry: string, username = 'user', password = 'pass-word', more: Partial<Login> = {}): Login {
  return { registry, prefix: '', username, password, use: 'both', ...more }
}

/** What Docker's configuration would tell. */
export function dockerWith(credentials: Readonly<Record<string, Credential>>): DockerLogins {
  return {
    for: async (place) => credentials[place],
    placeOf: async (registry, path) => {
      const parts = path.split('/')
      const prefixes = parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join('/'))
      return prefixes.find((place) => credentials[place] !== undefined) ?? registry
    },
    all: async () => Object.entries(credentials).map(([server, credential]) => ({ server, credential })),
  }
}
