import { nextLink } from '../net/link.ts'
import type { Response } from '../net/send.ts'
import type { Connection } from './connection.ts'

/** Pages of one list: a registry with no more than a hundred on each is still read to 20 000 entries. */
export const MOST_PAGES = 200

/** Where a list goes on, if it does, or why it cannot be followed there. */
export type Next = URL | string | undefined

/**
 * Where a page says that the next one is. There alone it stands how to go on: Quay knows nothing of `last`
 * (regclient#272). Behind a proxy that does not tell them, registries name their own host with another scheme or port
 * (distribution#479); it is asked where it was asked before.
 */
export function nextPage({ origin }: Connection, response: Response): Next {
  const target = nextLink(response.headers('link'))
  if (target === undefined) return undefined
  const url = URL.parse(target, response.url.href)
  if (url?.hostname !== origin.hostname) return 'it goes on at another host, which is not asked'
  return new URL(`${url.pathname}${url.search}`, origin)
}

export type Progress = {
  /** addresses of the pages so far */
  readonly asked: ReadonlySet<string>
  /** the last page brought nothing new */
  readonly isRepeated: boolean
  readonly isFull: boolean
}

/** The next page to ask for, or why the list ends before its end. */
export function wayOn(next: Next, { asked, isRepeated, isFull }: Progress): URL | string {
  if (isFull || next === undefined) return 'there are more than were asked for'
  if (typeof next === 'string') return next
  if (isRepeated || asked.has(next.href)) return 'its pages go round in a circle'
  return asked.size < MOST_PAGES ? next : `it has more than ${MOST_PAGES} pages`
}
