import type { TagList } from '../edges.ts'
import { LadingError } from '../error.ts'
import { isTag } from '../image/reference.ts'
import { nextLink } from '../net/link.ts'
import { discard, readBytes } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import { refused, type Site, tagsUrl } from './site.ts'

/** Tags on a page, as many as ECR gives; it refuses to be asked for more (ggcr#681). Who likes fewer gives fewer. */
const PAGE_SIZE = 1000
/** Pages of one list: a registry with no more than a hundred on each is still read to 20 000 tags. */
const MOST_PAGES = 200
/** The largest page that is read, in bytes. Some registries give all tags at once, whatever was asked for. */
const PAGE_LIMIT = 8 * 1024 * 1024

/**
 * The tags of a repository (distribution spec, "Listing Tags"), page by page along `Link`. There alone it stands how to
 * go on: Quay knows nothing of `last` (regclient#272). Names that are no tags, as Artifactory's digests (skopeo#2346), are
 * left out.
 */
export async function listTags(site: Site, limit: number): Promise<TagList> {
  const tags = new Set<string>()
  const asked = new Set<string>()
  let url = tagsUrl(site, Math.max(1, Math.min(limit, PAGE_SIZE)))
  for (;;) {
    const page = await readPage(site, url, asked.size === 0)
    asked.add(url.href)
    const known = tags.size
    for (const name of page.names) tags.add(name)
    if (page.next === undefined && tags.size <= limit) return { tags: [...tags], isWhole: true }
    const isRepeated = page.names.length > 0 && tags.size === known
    const next = wayOn(page.next, { asked, isRepeated, isFull: tags.size >= limit })
    if (typeof next === 'string') return cut(site, [...tags].slice(0, limit), next)
    url = next
  }
}

type Page = { readonly names: readonly string[]; readonly next: Next }
/** Where the list goes on, if it does, or why it cannot be followed there. */
type Next = URL | string | undefined

function readPage(site: Site, url: URL, isFirst: boolean): Promise<Page> {
  const { limits, policy } = site.connection
  return limits.lookUps(async () => {
    const response = await askFor(site, url, isFirst)
    if (response.status === 404) {
      await discard(response)
      return { names: [], next: isFirst ? undefined : 'its next page is not there' }
    }
    const what = `listing the tags of ${site.name}`
    if (response.status !== 200) throw await refused(site, { what, writing: false }, response)
    const names = await namesIn(response)
    if (names === undefined) throw new LadingError('REGISTRY_UNREACHABLE', `${what}: what came back is no list of tags`)
    policy.debug(`${site.name}: ${names.length} names on a page of its tags`)
    return { names: names.filter(isTag), next: nextPage(site, response) }
  })
}

/** A registry that gives fewer at a time may refuse to be asked for so many (distribution, `PAGINATION_NUMBER_INVALID`). */
async function askFor(site: Site, url: URL, isFirst: boolean): Promise<Response> {
  const { signal } = site.connection.policy
  const response = await site.send({ method: 'GET', url, signal })
  if (!isFirst || response.status !== 400) return response
  await discard(response)
  return site.send({ method: 'GET', url: tagsUrl(site), signal })
}

/**
 * Where a page says that the next one is. Behind a proxy that does not tell them, registries name their own host with
 * another scheme or port (distribution#479); it is asked where it was asked before.
 */
function nextPage({ connection }: Site, response: Response): Next {
  const target = nextLink(response.headers('link'))
  if (target === undefined) return undefined
  const url = URL.parse(target, response.url.href)
  if (url?.hostname !== connection.origin.hostname) return 'it goes on at another host, which is not asked'
  return new URL(`${url.pathname}${url.search}`, connection.origin)
}

type Progress = { readonly asked: ReadonlySet<string>; readonly isRepeated: boolean; readonly isFull: boolean }

/** The next page to ask for, or why the list ends before its end. */
function wayOn(next: Next, { asked, isRepeated, isFull }: Progress): URL | string {
  if (isFull || next === undefined) return 'there are more than were asked for'
  if (typeof next === 'string') return next
  if (isRepeated || asked.has(next.href)) return 'its pages go round in a circle'
  return asked.size < MOST_PAGES ? next : `it has more than ${MOST_PAGES} pages`
}

function cut({ name, connection }: Site, tags: readonly string[], why: string): TagList {
  connection.policy.debug(`the list of tags of ${name} is cut off: ${why}`)
  return { tags, isWhole: false }
}

/** Without tags the list is `null`, or there is none (distribution; Nexus: skopeo#2409). `undefined`: it is no list. */
async function namesIn(response: Response): Promise<readonly string[] | undefined> {
  const json = parse(await readBytes(response, PAGE_LIMIT))
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const names = 'tags' in json ? json.tags : undefined
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
