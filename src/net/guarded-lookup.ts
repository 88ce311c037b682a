import type { LookupFunction } from 'node:net'
import { LadingError } from '../error.ts'
import { mayLead, type Nearness, nearnessOfAddress } from './addresses.ts'

/** How near to us a host may be that somebody else named. */
export type Bounds = {
  /** how near that one is; asked at each look-up, since it is known when we have reached him */
  readonly from: () => Nearness
  /** whether the host has to prove its name by a certificate before anything is sent */
  readonly isProven: boolean
}

/**
 * Looks up a name and refuses addresses that are nearer than whoever named it. It belongs into the connection itself: the
 * addresses that are judged are those that are then connected to, so a name with a second meaning (DNS rebinding) gains
 * nothing.
 */
export function guardedLookup(bounds: Bounds, lookup: LookupFunction): LookupFunction {
  return (host, options, callback) =>
    lookup(host, options, (error, found, family) => {
      const refused = error === null ? addressesIn(found).find((address) => !isWithin(bounds, address)) : undefined
      if (refused === undefined) callback(error, found, family)
      else callback(tooNear(host, refused), '', 0)
    })
}

/**
 * A private address is no trap where a certificate proves the name: networks give public names private addresses, as AWS
 * does for S3 (“AWS PrivateLink for Amazon S3”). This machine and the metadata of clouds never have such a name.
 */
function isWithin({ from, isProven }: Bounds, address: string): boolean {
  const far = nearnessOfAddress(address)
  return mayLead(from(), far) || (far === 'private' && isProven)
}

function addressesIn(found: Parameters<Parameters<LookupFunction>[2]>[1]): readonly string[] {
  return typeof found === 'string' ? [found] : found.map(({ address }) => address)
}

/** Without a cause, so that nobody repeats it. */
function tooNear(host: string, address: string): LadingError {
  const nearness = nearnessOfAddress(address)
  const what = nearness === 'this machine' ? 'this machine' : `a ${nearness} address`
  return new LadingError(
    'REGISTRY_UNREACHABLE',
    `a registry sends us to ${host}, which leads to ${address}, ${what}; nothing is sent there`,
    {
      hint: `Ask whoever runs the registry why it names ${host}, or look at what this runner's DNS says of that name.`,
    },
  )
}
