import { isIP } from 'node:net'
import { LadingError } from '../error.ts'
import { listOf, nearnessOf } from './addresses.ts'

/** Proxies by the scheme of what is asked for, and who is reached without one. */
export type ProxySettings = { readonly http?: URL; readonly https?: URL; readonly except: string }

/**
 * HTTP_PROXY, HTTPS_PROXY and NO_PROXY; lower case wins, as for curl. Throws `INPUT_INVALID` for what is no proxy, without
 * quoting it: a proxy's address may hold a password.
 */
export function readProxySettings(variables: Readonly<Record<string, string | undefined>>): ProxySettings {
  const text = (name: string) => (variables[name.toLowerCase()] ?? variables[name] ?? '').trim()
  const [http, https] = [parseProxy('HTTP_PROXY', text('HTTP_PROXY')), parseProxy('HTTPS_PROXY', text('HTTPS_PROXY'))]
  return {
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    except: text('NO_PROXY'),
  }
}

/** What no log may show of the proxies: a password, as it is written and as it is, and the Basic form of both. */
export function secretsOfProxies({ http, https }: ProxySettings): readonly string[] {
  return [http, https].flatMap((proxy) => {
    if (proxy === undefined || proxy.password === '') return []
    return [proxy.password, decoded(proxy.password), loginOf(proxy)]
  })
}

/**
 * The proxy for a URL, by the rules of Go (golang.org/x/net/http/httpproxy), which Docker, BuildKit and Trivy follow too:
 * one for each scheme; this machine never by a proxy; NO_PROXY names hosts with all below them, `.suffix` and `*.suffix`
 * for those below alone, addresses, ranges, each with a port if wanted, and `*`.
 */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
  const proxy = url.protocol === 'https:' ? settings.https : settings.http
  if (proxy === undefined || nearnessOf(url) === 'this machine') return undefined
  const entries = settings.except.toLowerCase().split(/[\s,]+/)
  return entries.some((entry) => entry !== '' && isExcepted(url, entry)) ? undefined : proxy
}

/** User and password of a proxy as its header has them, behind `Basic `. */
export function loginOf({ username, password }: URL): string {
  return Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')
}

const SCHEMES = new Set(['http:', 'https:', 'socks5:'])

function parseProxy(name: string, text: string): URL | undefined {
  if (text === '') return undefined
  // `proxy.example:3128` is common and taken by curl and Go alike.
  const whole = text.includes('://') ? text : `http://${text}`
  const url = URL.canParse(whole) ? new URL(whole) : undefined
  if (url !== undefined && url.hostname !== '' && SCHEMES.has(url.protocol)) return url
  throw new LadingError('INPUT_INVALID', `the variable ${name} holds no address of a proxy`, {
    hint: `Set ${name} to an address such as http://proxy.example:3128, or unset it.`,
  })
}

function isExcepted(url: URL, entry: string): boolean {
  const { host, port } = splitPort(entry)
  if (port !== '' && port !== portOf(url)) return false
  if (host === '*') return true
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  if (host.includes('/')) return isInRange(name, host)
  const suffix = host.replace(/^\*(?=\.)/, '')
  if (suffix.startsWith('.')) return name.endsWith(suffix)
  return name === suffix || (isIP(name) === 0 && name.endsWith(`.${suffix}`))
}

function portOf({ port, protocol }: URL): string {
  if (port !== '') return port
  return protocol === 'https:' ? '443' : '80'
}

/** `host`, `host:port`, `[::1]:port`, `::1`. */
function splitPort(entry: string): { readonly host: string; readonly port: string } {
  const [, bracketed, after] = /^\[(.*)\](?::(\d+))?$/.exec(entry) ?? []
  if (bracketed !== undefined) return { host: bracketed, port: after ?? '' }
  const [, host, port] = /^([^:]*):(\d+)$/.exec(entry) ?? []
  return { host: host ?? entry, port: port ?? '' }
}

function isInRange(name: string, range: string): boolean {
  const version = isIP(name)
  const [address = '', bits = ''] = range.split('/')
  const most = version === 6 ? 128 : 32
  if (version === 0 || isIP(address) !== version || !/^\d{1,3}$/.test(bits) || Number(bits) > most) return false
  return listOf([range]).check(name, version === 6 ? 'ipv6' : 'ipv4')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
