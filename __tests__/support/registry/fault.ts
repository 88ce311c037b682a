import type { Effect } from './effect.ts'
import type { Route, Step } from './route.ts'
import { targetOf } from './route.ts'

/** What goes wrong, where and how often. All that is given must match; what is left out matches everything. */
export type Fault = {
  readonly step: Step | readonly Step[]
  readonly method?: string
  readonly repository?: string | RegExp
  /** The tag or digest in a manifest's path. */
  readonly reference?: string | RegExp
  /** The digest in the path, in `digest=` or in `mount=`. */
  readonly digest?: string
  /** Only requests with (or without) a body. */
  readonly withBody?: boolean
  /** Which of the matching requests. Default: always. */
  readonly when?: When
  /** Before the registry looks at credentials, as a proxy in front of it would. Default: false. */
  readonly beforeAuth?: boolean
  readonly effect: Effect
}

/** `nth` counts from 1; `above` is met while more than that many matching requests are under way. */
export type When = 'always' | { readonly nth: number } | { readonly first: number } | { readonly above: number }

/** A fault with its count. */
export type ArmedFault = { readonly fault: Fault; seen: number; underWay: number }

export function matches(fault: Fault, request: { method: string; route: Route; hasBody: boolean }): boolean {
  const { repository, reference, digest } = targetOf(request.route)
  return [
    [fault.step].flat().includes(request.route.step),
    fault.method === undefined || fault.method === request.method,
    fault.withBody === undefined || fault.withBody === request.hasBody,
    isLike(fault.repository, repository),
    isLike(fault.reference, reference),
    isLike(fault.digest, digest),
  ].every(Boolean)
}

export function isDue(when: When | undefined, seen: number, underWay: number): boolean {
  if (when === undefined || when === 'always') return true
  if ('nth' in when) return seen === when.nth
  return 'first' in when ? seen <= when.first : underWay > when.above
}

function isLike(wanted: string | RegExp | undefined, found: string | undefined): boolean {
  if (wanted === undefined) return true
  if (found === undefined) return false
  return typeof wanted === 'string' ? wanted === found : wanted.test(found)
}
