import { BlockList, isIP } from 'node:net'

/** How near to us a host is, as its name alone tells; nobody is asked. A name that is no address is `public`. */
export type Nearness = 'public' | 'private' | 'link-local' | 'this machine'

// IANA's registries of special addresses (RFC 6890). 0.0.0.0 and :: lead to this machine on Linux; clouds keep the
// credentials of a machine at 169.254.169.254, one of them at 100.100.100.200.
const RANGES: Readonly<Record<Exclude<Nearness, 'public'>, readonly string[]>> = {
  'this machine': ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'],
  'link-local': ['169.254.0.0/16', 'fe80::/10'],
  private: [
    ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
    // The last three carry an IPv4 address within: site-local, NAT64 (RFC 6052), and the old compatible form.
    ...['fc00::/7', 'fec0::/10', '64:ff9b::/96', '::/96'],
  ],
}

const LISTS = Object.entries(RANGES).map(([nearness, ranges]) => ({ nearness, list: listOf(ranges) }))

/** The nearness of the host of a URL, which has already made `2130706433`, `0x7f.1` and `017700000001` an address. */
export function nearnessOf(url: URL): Nearness {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return host === 'localhost' || host.endsWith('.localhost') ? 'this machine' : nearnessOfAddress(host)
}

/** The nearness of an address without brackets; of anything else it is `public`. */
export function nearnessOfAddress(text: string): Nearness {
  // What follows `%` names the network interface (RFC 4007, 11).
  const address = text.replace(/%.*$/, '')
  const version = isIP(address)
  if (version === 0) return 'public'
  const found = LISTS.find(({ list }) => list.check(address, version === 6 ? 'ipv6' : 'ipv4'))?.nearness
  return isNear(found) ? found : 'public'
}

/**
 * Whether a server may send us to a place: a token service, a redirect, an upload. A registry out there has no business
 * in our network, on our machine, or with the cloud's metadata (server-side request forgery, go-containerregistry#2258).
 * A registry on this machine may name its neighbours in the network.
 */
export function mayLeadTo(from: URL, to: URL): boolean {
  return from.hostname === to.hostname || mayLead(nearnessOf(from), nearnessOf(to))
}

/** The same for what is known of how near both are. */
export function mayLead(from: Nearness, to: Nearness): boolean {
  return to === 'public' || to === from || (from === 'this machine' && to === 'private')
}

/** The place in words, for a message that says why we do not go there. */
export function inWords(url: URL): string {
  const nearness = nearnessOf(url)
  return nearness === 'this machine' ? `${url.host} on this machine` : `${url.host}, a ${nearness} address`
}

/** Ranges as CIDR. IPv4 within IPv6 (`::ffff:10.0.0.1`) is found by the ranges of IPv4; Node sees to that. */
export function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits = ''] = range.split('/')
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}

function isNear(word: string | undefined): word is Nearness {
  return word === 'private' || word === 'link-local' || word === 'this machine'
}
