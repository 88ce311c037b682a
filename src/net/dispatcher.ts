import { isIP, type LookupFunction } from 'node:net'
import type { buildConnector, Dispatcher } from 'undici'
import { type Nearness, nearnessOf } from './addresses.ts'
import { guardedLookup } from './guarded-lookup.ts'
import type { HostSettings } from './host-settings.ts'
import { loginOf, type ProxySettings, proxyFor } from './proxy.ts'

/** By which way and with which certificates hosts are reached. */
export type Routes = {
  readonly proxy: ProxySettings
  readonly settings: (host: string) => HostSettings
  /** sockets for each origin */
  readonly connections: number
  readonly connectMs: number
  /** how names are looked up; Node's way by default */
  readonly lookup?: LookupFunction
}

/** What one origin is to us. */
export type Standing = {
  /** how near to us whoever named it is; without it we chose it ourselves */
  readonly ledFrom?: () => Nearness
  /** told of the address at the other end of each new connection */
  readonly onReached: (address: string) => void
}

/**
 * Sockets to one origin, straight or through the proxy. A name that we were led to is judged by its addresses, but not
 * through a proxy: there it is the proxy that looks it up.
 */
export async function openDispatcher(url: URL, routes: Routes, standing: Standing): Promise<Dispatcher> {
  const { connections, connectMs, settings } = routes
  const tls = await tlsOptions(settings(url.host))
  const common = { connections, allowH2: false, pipelining: 1 } as const
  const proxy = proxyFor(url, routes.proxy)
  if (proxy === undefined) {
    const { buildConnector, Pool } = await import('./sockets.ts')
    const lookup = await lookupOf(url, routes, standing)
    const connector = buildConnector({ ...tls, ...lookup, allowH2: false, timeout: connectMs })
    return new Pool(url.origin, { ...common, connect: withNote(withAlerts(connector), standing.onReached) })
  }
  // All of undici: its proxies need methods that only the front door gives.
  const { ProxyAgent } = await import('undici')
  return new ProxyAgent({
    ...common,
    ...wayTo(proxy),
    connectTimeout: connectMs,
    requestTls: tls,
    proxyTls: await tlsOptions(settings(proxy.host)),
    // http through a proxy is asked for with a plain request, as every proxy understands it.
    proxyTunnel: url.protocol === 'https:',
  })
}

/**
 * A server that wants another certificate says so after the handshake (RFC 8446, 4.4.2.4), in an alert and then the end of
 * the connection. undici would tell the end alone, which looks like any other connection that broke.
 */
function withAlerts(connector: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connector(options, (...connected) => {
      const [error, socket] = connected
      if (error === null) socket.once('error', (alert) => socket.destroy(alert))
      callback(...connected)
    })
}

function withNote(connector: buildConnector.connector, note: (address: string) => void): buildConnector.connector {
  return (options, callback) =>
    connector(options, (...connected) => {
      const [, socket] = connected
      if (socket?.remoteAddress !== undefined) note(socket.remoteAddress)
      callback(...connected)
    })
}

async function lookupOf(
  url: URL,
  { settings, lookup }: Routes,
  { ledFrom }: Standing,
): Promise<{ readonly lookup?: LookupFunction }> {
  const isName = isIP(url.hostname) === 0 && nearnessOf(url) === 'public'
  if (ledFrom === undefined || !isName) return lookup === undefined ? {} : { lookup }
  const isProven = url.protocol === 'https:' && settings(url.host).unchecked !== true
  const asked = lookup ?? (await import('node:dns')).lookup
  return { lookup: guardedLookup({ from: ledFrom, isProven }, asked) }
}

type Tls = {
  readonly ca?: string[]
  readonly cert?: string
  readonly key?: string
  readonly rejectUnauthorized?: boolean
}

async function tlsOptions({ ca, client, unchecked }: HostSettings): Promise<Tls> {
  const own = client === undefined ? {} : { cert: client.cert, key: client.key }
  if (unchecked) return { ...own, rejectUnauthorized: false }
  if (ca === undefined) return own
  const { getCACertificates } = await import('node:tls')
  // `ca` replaces the authorities that Node knows, so those are named too.
  return { ...own, ca: [...getCACertificates('default'), ca] }
}

/** The proxy's address without the login in it, which goes into a header of its own. */
function wayTo(proxy: URL): { readonly uri: string; readonly token?: string } {
  if (proxy.username === '' || proxy.protocol === 'socks5:') return { uri: proxy.href }
  const bare = new URL(proxy)
  bare.username = ''
  bare.password = ''
  return { uri: bare.href, token: `Basic ${loginOf(proxy)}` }
}
