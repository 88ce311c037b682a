import type { Digest } from '../image/digest.ts'

/** What an image tells of itself, in labels of its configuration and in annotations, which win. Empty: it says nothing. */
export type Told = {
  /** `org.opencontainers.image.source` */
  readonly source: string
  /** `org.opencontainers.image.version` */
  readonly version: string
  /** `org.opencontainers.image.revision` */
  readonly revision: string
  /** `org.opencontainers.image.created`, else the `created` of the configuration */
  readonly created: string
  /** hash of the build request, annotation `io.github.lading.request` */
  readonly request: string
}

/** What a tag shows now. */
export type LiveImage = { readonly digest: Digest; readonly told: Told }

/** An image that tells nothing, or that nobody could or had to read. */
export const SILENT: Told = { source: '', version: '', revision: '', created: '', request: '' }

/** When the image says that it was made; `undefined` when it does not, or in no form that is a date. */
export function createdOf({ created }: Told): Date | undefined {
  const time = new Date(created)
  return Number.isNaN(time.getTime()) ? undefined : time
}
