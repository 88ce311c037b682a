import type { buildConnector, Dispatcher } from 'undici'
import type { HostSettings } from './host-settings.ts'
import { loginOf, type ProxySettings, proxyFor } from './proxy.ts'

/** By which way and with which certificates hosts are reached. */
export type Routes = {
  readonly proxy: ProxySettings
  readonly settings: (host: string) => HostSettings
  /** sockets for each origin */
  readonly connections: number
  readonly connectMs: number
}

/** Sockets to one origin, straight or through the proxy. */
export async function openDispatcher(url: URL, routes: Routes): Promise<Dispatcher> {
  const { connections, connectMs, settings } = routes
  const tls = await tlsOptions(settings(url.host))
  const common = { connections, allowH2: false, pipelining: 1 } as const
  const proxy = proxyFor(url, routes.proxy)
  if (proxy === undefined) {
    const { buildConnector, Pool } = await import('./sockets.ts')
    const connect = withAlerts(buildConnector({ ...tls, allowH2: false, timeout: connectMs }))
    return new Pool(url.origin, { ...common, connect })
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
