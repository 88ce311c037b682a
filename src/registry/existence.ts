import { discard } from '../net/read.ts'
import { diagnose } from './diagnosis.ts'
import { type Existence, looksNew, type Site, tagsUrl } from './site.ts'

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
  const response = await site.send({ method: 'GET', url: tagsUrl(site, 1), signal: site.connection.policy.signal })
  if (response.status === 404 && (await diagnose(response)).codes.includes('NAME_UNKNOWN')) return 'missing'
  // What else it says is said again, and explained, where something is written.
  await discard(response)
  return 'there'
}
