import type { TagList } from '../content/store.ts'
import { isTag } from '../image/reference.ts'
import { listNames } from './name-list.ts'
import { type Site, tagsUrl } from './site.ts'

/**
 * The tags of a repository (distribution spec, "Listing Tags"). Names that are no tags, as Artifactory's digests
 * (skopeo#2346), are left out. One that is not there has none.
 */
export async function listTags(site: Site, limit: number): Promise<TagList> {
  const { names, isWhole } = await listNames(site, {
    kind: 'tags',
    of: site.name,
    url: (size) => tagsUrl(site, size),
    send: site.send,
    limit,
    isName: isTag,
    match: () => true,
    absent: 'empty',
  })
  return { tags: names, isWhole }
}
