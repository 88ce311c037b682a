import { ACCEPTED_MANIFESTS } from '../image/media-type.ts'
import { discard } from '../net/read.ts'
import { diagnose } from './diagnosis.ts'
import { type Existence, looksNew, manifestUrl, type Site } from './site.ts'

/**
 * Sees to it that the repository is there, where the user wants missing ones created: one that looks new is asked for,
 * because ECR answers an upload to a missing one by breaking off the connection. With `look` nothing is created.
 * Throws what stands in the way of its creation.
 */
export function makeRoom(site: Site, how: 'create' | 'look'): Promise<Existence> {
  const { create, learnt } = site
  if (create === undefined || !looksNew(site)) return Promise.resolve('there')
  const found = learnt.existence ?? look(site)
  if (how === 'look') return found
  learnt.existence = found.then(async (existence) => {
    if (existence !== 'missing') return existence
    await create()
    return 'created'
  })
  return learnt.existence
}

async function look(site: Site): Promise<Existence> {
  // Any tag does: a GET says what is not there, and needs no right that the publish does not need anyway (ECR's list of
  // tags wants `ecr:ListImages`, which "IAM permissions for pushing an image" leaves out).
  const url = manifestUrl(site, 'latest')
  const headers = { accept: ACCEPTED_MANIFESTS }
  const response = await site.send({ method: 'GET', url, headers, signal: site.connection.policy.signal })
  if (response.status === 404 && (await diagnose(response)).codes.includes('NAME_UNKNOWN')) return 'missing'
  // What else it says is said again, and explained, where something is written.
  await discard(response)
  return 'there'
}
