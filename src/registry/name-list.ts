import { LadingError } from '../error.ts'
import { discard, readBytes } from '../net/read.ts'
import type { Response, Send } from '../net/send.ts'
import { type Next, nextPage, wayOn } from './pages.ts'
import { refused, type Site } from './site.ts'

/** A list of names that a registry gives page by page: the tags of a repository, or its repositories. */
export type NameList = {
  /** the member of each page that holds the names */
  readonly kind: 'tags' | 'repositories'
  /** for messages: `ghcr.io/acme/api` */
  readonly of: string
  /** its first page; `size`: how many names at a time, as many as the registry likes without it */
  readonly url: (size?: number) => URL
  readonly send: Send
  /** names that are taken, at most */
  readonly limit: number
  /** whether a text could be such a name; what could not is passed over */
  readonly isName: (text: string) => boolean
  /** which of the names are taken */
  readonly match: (name: string) => boolean
  /** what it means when the list is not there */
  readonly absent: 'empty' | 'no list'
}

/** Names, each once; whether these are all. */
export type Names = { readonly names: readonly string[]; readonly isWhole: boolean }

/** Names on a page, as many as ECR gives; it refuses to be asked for more (ggcr#681). Who likes fewer gives fewer. */
const PAGE_SIZE = 1000
/** The largest page that is read, in bytes. Some registries give all names at once, whatever was asked for. */
const PAGE_LIMIT = 8 * 1024 * 1024
/** Names that are looked at, however few of them are taken. */
const MOST_NAMES = 1_000_000

/** Reads a list page by page along `Link` (distribution spec, "Listing Tags"). */
export async function listNames(site: Site, list: NameList): Promise<Names> {
  const [seen, taken] = [new Set<string>(), new Set<string>()]
  const asked = new Set<string>()
  let url = list.url(Math.max(1, Math.min(list.limit, PAGE_SIZE)))
  for (;;) {
    const page = await readPage(site, list, url, asked.size === 0)
    asked.add(url.href)
    const known = seen.size
    for (const name of page.names) seen.add(name)
    for (const name of page.names.filter(list.match)) taken.add(name)
    if (page.next === undefined && taken.size <= list.limit) return { names: [...taken], isWhole: true }
    const isRepeated = page.names.length > 0 && seen.size === known
    const isFull = taken.size >= list.limit || seen.size > MOST_NAMES
    const next = wayOn(page.next, { asked, isRepeated, isFull })
    if (typeof next === 'string') return cut(site, list, [...taken].slice(0, list.limit), next)
    url = next
  }
}

type Page = { readonly names: readonly string[]; readonly next: Next }

function readPage(site: Site, list: NameList, url: URL, isFirst: boolean): Promise<Page> {
  const { limits, policy } = site.connection
  return limits.lookUps(async () => {
    const response = await askFor(site, list, url, isFirst)
    const what = `listing the ${list.kind} of ${list.of}`
    if (response.status === 404 && (!isFirst || list.absent === 'empty')) {
      await discard(response)
      return { names: [], next: isFirst ? undefined : 'its next page is not there' }
    }
    if (response.status !== 200) throw await refused(site, { what, writing: false }, response)
    const names = await namesIn(response, list.kind)
    if (names === undefined) {
      throw new LadingError('REGISTRY_UNREACHABLE', `${what}: what came back is no list of ${list.kind}`)
    }
    policy.debug(`${list.of}: ${names.length} names on a page of its ${list.kind}`)
    return { names: names.filter(list.isName), next: nextPage(site.connection, response) }
  })
}

/** A registry that gives fewer at a time may refuse to be asked for so many (distribution, `PAGINATION_NUMBER_INVALID`). */
async function askFor(site: Site, { url: first, send }: NameList, url: URL, isFirst: boolean): Promise<Response> {
  const { signal } = site.connection.policy
  const response = await send({ method: 'GET', url, signal })
  if (!isFirst || response.status !== 400) return response
  await discard(response)
  return send({ method: 'GET', url: first(), signal })
}

function cut({ connection }: Site, { kind, of }: NameList, names: readonly string[], why: string): Names {
  connection.policy.debug(`the list of ${kind} of ${of} is cut off: ${why}`)
  return { names, isWhole: false }
}

/** Without names the list is `null`, or there is none (distribution; Nexus: skopeo#2409). `undefined`: it is no list. */
async function namesIn(response: Response, kind: NameList['kind']): Promise<readonly string[] | undefined> {
  const json = parse(await readBytes(response, PAGE_LIMIT))
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const names: unknown = new Map<string, unknown>(Object.entries(json)).get(kind)
  if (names === undefined || names === null) return []
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : undefined
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
