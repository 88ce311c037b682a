import { LadingError } from '../error.ts'
import { inWords, mayLeadTo } from './addresses.ts'
import { discard } from './read.ts'
import type { Headers, Request, Send } from './send.ts'

const MOST_REDIRECTS = 5
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * Follows redirects of GET and HEAD. Credentials stay with the origin they were made for: a signed storage URL neither
 * needs them nor may have them, and they do not come back when a later hop returns (CVE-2020-15157 was of this kind).
 */
export function withRedirects(send: Send): Send {
  return async (first) => {
    let request = first
    for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
      const response = await send(request)
      const location = response.header('location')
      if (!REDIRECTS.has(response.status) || location === undefined || !isFollowed(request)) return response
      await discard(response)
      if (!URL.canParse(location, request.url.href)) {
        throw new LadingError('REGISTRY_UNREACHABLE', `${request.url.host} redirects to what is no web address`)
      }
      request = next(request, new URL(location, request.url))
    }
    throw new LadingError('REGISTRY_UNREACHABLE', `${first.url.host} redirects more than ${MOST_REDIRECTS} times`)
  }
}

/** Whether two URLs are of one origin: scheme, host and port. */
export function isSameOrigin(one: URL, other: URL): boolean {
  return one.protocol === other.protocol && one.host === other.host
}

/** Headers without what proves who we are. */
export function withoutCredentials(headers: Headers | undefined): Headers {
  const secret = new Set(['authorization', 'cookie', 'proxy-authorization'])
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => !secret.has(name)))
}

function isFollowed(request: Request): boolean {
  return request.method === 'GET' || request.method === 'HEAD'
}

function next(request: Request, url: URL): Request {
  if (request.url.protocol === 'https:' && url.protocol !== 'https:') {
    throw new LadingError(
      'TLS_FAILED',
      `${request.url.host} redirects from https to ${url.protocol}//${url.host}; that is not followed`,
    )
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new LadingError(
      'REGISTRY_UNREACHABLE',
      `${request.url.host} redirects to ${url.protocol}//, which is no web address`,
    )
  }
  if (!mayLeadTo(request.url, url)) {
    throw new LadingError(
      'REGISTRY_UNREACHABLE',
      `${request.url.host} redirects to ${inWords(url)}; that is not followed`,
    )
  }
  return isSameOrigin(request.url, url)
    ? { ...request, url }
    : { ...request, url, headers: withoutCredentials(request.headers) }
}
