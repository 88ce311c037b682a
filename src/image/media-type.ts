/** The media types that this project has to tell apart. Everything else is a blob to it. */
export const MEDIA_TYPE = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const

const MANIFESTS: ReadonlySet<string> = new Set([MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest])
const INDEXES: ReadonlySet<string> = new Set([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerList])

const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])

/** What a registry is asked for with `Accept`, best first. */
export const ACCEPTED_MANIFESTS = [
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerList,
  MEDIA_TYPE.dockerManifest,
].join(', ')

/** A manifest of one image (or artifact). */
export function isImageManifest(mediaType: string): boolean {
  return MANIFESTS.has(mediaType)
}

/** An index (Docker says manifest list). */
export function isIndex(mediaType: string): boolean {
  return INDEXES.has(mediaType)
}

/** A layer of files that a container engine unpacks (containerd, `images.IsLayerType`). */
export function isLayer(mediaType: string): boolean {
  return /^application\/vnd\.(?:oci\.image\.layer|docker\.image\.rootfs)\./.test(mediaType)
}

/** The configuration of an image that can be run; artifacts have others. */
export function isImageConfig(mediaType: string): boolean {
  return IMAGE_CONFIGS.has(mediaType)
}

/** Whether this travels by the manifest end points of a registry, and not by the blob ones. */
export function isManifest(mediaType: string): boolean {
  return isImageManifest(mediaType) || isIndex(mediaType)
}
