import { bytesOf } from '../../__tests__/support/registry/blob.ts'
import type { InProcessRegistry } from '../../__tests__/support/registry/server.ts'
import { childrenOf } from '../../src/content/copy.ts'
import type { Source } from '../../src/content/store.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { digestOf } from '../../src/image/digest.ts'
import { isManifest } from '../../src/image/media-type.ts'

/** One repository that the image goes to. */
export type Place = { readonly registry: InProcessRegistry; readonly path: string }

/** What a tag showed before the run: by place, in the order of the places. */
export type Before = readonly Readonly<Record<string, string | undefined>>[]

/** Every piece of an image, the root included. */
export async function contentOf(root: Descriptor, source: Source): Promise<readonly Descriptor[]> {
  if (!isManifest(root.mediaType)) return [root]
  const below = (await childrenOf(root, source)).map((child) => contentOf(child, source))
  return [root, ...(await Promise.all(below)).flat()]
}

/** What is not there of an image, byte for byte. */
export function missingAt({ registry, path }: Place, content: readonly Descriptor[]): readonly string[] {
  const repository = registry.repositories.get(path)
  return content
    .filter(({ digest, mediaType }) => {
      const blob = repository?.blobs.get(digest)
      const bytes = isManifest(mediaType) ? repository?.manifests.get(digest)?.bytes : blob && bytesOf(blob)
      return bytes === undefined || digestOf(bytes) !== digest
    })
    .map(({ digest }) => digest)
}

/** What is wrong after a run that says that all went well. */
export function wrongAfterSuccess(
  places: readonly Place[],
  content: readonly Descriptor[],
  tags: readonly string[],
): readonly string[] {
  const [root] = content
  return places.flatMap((place) => {
    const missing = missingAt(place, content).map((digest) => `${nameOf(place)} lacks ${digest}`)
    const shown = tags.filter((tag) => shownAt(place, tag) !== root?.digest)
    return [...missing, ...shown.map((tag) => `${nameOf(place)}:${tag} does not show the image`)]
  })
}

/** Tags that show the image where it is not whole: never, however a run ended. */
export function brokenTags(
  places: readonly Place[],
  content: readonly Descriptor[],
  tags: readonly string[],
): readonly string[] {
  const [root] = content
  return places.flatMap((place) => {
    const shown = tags.filter((tag) => shownAt(place, tag) === root?.digest)
    const missing = shown.length === 0 ? [] : missingAt(place, content)
    return missing.map((digest) => `${nameOf(place)}:${shown.join(', ')} can be pulled without ${digest}`)
  })
}

/** What a run was to keep to: what tags showed before, and whether one registry may be finished without another. */
export type Terms = { readonly before: Before; readonly onFailure: 'abort' | 'continue' }

/** What is half done after a run that failed. */
export function wrongAfterFailure(
  places: readonly Place[],
  content: readonly Descriptor[],
  { before, onFailure }: Terms,
): readonly string[] {
  const [root] = content
  // What stands in the way of a tag: with `continue`, only what its own repository lacks, which `brokenTags` looks for.
  const everywhere = onFailure === 'continue' || places.every((place) => missingAt(place, content).length === 0)
  return places.flatMap((place, at) =>
    Object.entries(before[at] ?? {}).flatMap(([tag, old]) => {
      const now = shownAt(place, tag)
      if (now === old) return []
      if (now !== root?.digest)
        return [`${nameOf(place)}:${tag} shows ${now ?? 'nothing'}, which is neither old nor new`]
      return everywhere ? [] : [`${nameOf(place)}:${tag} was moved before all content was everywhere`]
    }),
  )
}

/** Upload sessions that nobody tried to cancel, though the client knew of them. */
export function forgottenSessions(registry: InProcessRegistry): readonly string[] {
  const { requests } = registry
  // Tried to cancel, or told that the upload is complete: more cannot be asked of a client.
  const seen = requests.filter(
    ({ step, status }) => step === 'upload-cancel' || (step === 'upload-put' && isGood(status)),
  )
  const open = registry.openUploads().filter(({ id }) => !seen.some(({ path }) => path.includes(id)))
  // A session whose opening was answered with an error, or not at all, is known to nobody.
  const unknown = requests.filter(({ step, status }) => isOpening(step) && !isGood(status))
  return open.length > unknown.length ? open.map(({ id }) => `the session ${id} of ${registry.host} was forgotten`) : []
}

function isGood(status: number | undefined): boolean {
  return status !== undefined && status < 300
}

function isOpening(step: string): boolean {
  return step === 'upload-open' || step === 'mount' || step === 'upload-single'
}

export function shownAt({ registry, path }: Place, tag: string): string | undefined {
  return registry.repositories.get(path)?.tags.get(tag)
}

function nameOf({ registry, path }: Place): string {
  return `${registry.host}/${path}`
}
