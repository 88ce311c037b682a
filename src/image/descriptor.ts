import type { Digest } from './digest.ts'
import type { Platform } from './platform.ts'

/** What one piece of content is: the unit that everything else passes around (OCI image spec, descriptor.md). */
export type Descriptor = {
  readonly mediaType: string
  readonly digest: Digest
  /** in bytes */
  readonly size: number
  readonly platform?: Platform
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
  /**
   * It says where else it can be had (OCI image spec, descriptor.md, `urls`), as layers do that their owner lets nobody
   * pass on. A registry need not have it. Nobody here goes to such an address, so it is not kept.
   */
  readonly external?: true
}
