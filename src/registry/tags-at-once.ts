import type { Manifest } from '../image/manifest.ts'
import { discard } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import { isSuccess, manifestUrl, type Site } from './site.ts'

/** Tags in one request. A registry should take ten (distribution spec, "Pushing Manifests"); zot answers 414 above 46. */
const AT_ONCE = 10

/**
 * Points several tags at a manifest by one PUT under its digest, `?tag=a&tag=b` (distribution spec, "Pushing Manifests"),
 * and names those that the answer says were taken. Never throws: the others are left to a PUT each.
 *
 * Few registries know the form; most others take the request without a word about its tags. So it is not sent where
 * `noticeClassic` has seen that it would be in vain, and else tried once for each connection, that is for each registry
 * and login in a step: at most one request too many. Where it is known, one that is refused costs itself.
 */
export async function putTags(site: Site, manifest: Manifest, tags: readonly string[]): Promise<readonly string[]> {
  const taken: string[] = []
  // One after the other, so that a registry on trial is tried with one request.
  for (let start = 0; start < tags.length; start += AT_ONCE) {
    taken.push(...(await putSome(site, manifest, tags.slice(start, start + AT_ONCE))))
  }
  return taken
}

/**
 * Classic registries name their API in all answers, and none of them is known to know the form: distribution
 * (`registry/handlers/app.go`) and so Harbor and GitLab, Docker Hub, GHCR, ECR, Google's, Artifactory, Gitea. zot, which
 * knows it, names the API in its answer to `/v2/` alone (`pkg/api/routes.go`); hence only answers about manifests count.
 */
export function noticeClassic({ connection }: Site, response: Response): void {
  if (response.header('docker-distribution-api-version') === undefined) return
  connection.habits.tagsAtOnce ??= Promise.resolve(false)
}

async function putSome(site: Site, manifest: Manifest, tags: readonly string[]): Promise<readonly string[]> {
  // A single one costs the same by the form that all of them know.
  if (tags.length < 2) return []
  const { habits } = site.connection
  if (habits.tagsAtOnce !== undefined) return (await habits.tagsAtOnce) ? putOnce(site, manifest, tags) : []
  const trial = putOnce(site, manifest, tags)
  // Whoever comes meanwhile waits for what is learnt instead of trying as well.
  habits.tagsAtOnce = trial.then((taken) => taken.length > 0)
  return trial
}

/** The tags that were taken, none when the request failed: why, the PUT of each tag will tell. */
async function putOnce(
  site: Site,
  { descriptor, bytes }: Manifest,
  tags: readonly string[],
): Promise<readonly string[]> {
  const url = manifestUrl(site, descriptor.digest)
  for (const tag of tags) url.searchParams.append('tag', tag)
  const headers = { 'content-type': descriptor.mediaType }
  // Not repeated, since the PUT of each tag will be; and not ended by a cancel: tags that have begun are finished.
  const put = { method: 'PUT', url, headers, body: { kind: 'bytes', bytes }, repeatable: false } as const
  const response = await site.send(put).catch(() => undefined)
  if (response === undefined) return []
  await discard(response)
  const stored = response.header('docker-content-digest') ?? descriptor.digest
  if (!isSuccess(response) || stored !== descriptor.digest) return []
  const named = namedIn(response)
  return tags.filter((tag) => named.has(tag))
}

/** A list that may be spread over several fields (RFC 9110, 5.3), as in the example of the distribution spec. */
function namedIn(response: Response): ReadonlySet<string> {
  const names = response.headers('oci-tag').flatMap((value) => value.split(','))
  return new Set(names.map((name) => name.trim()))
}
