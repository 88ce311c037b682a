import type { Descriptor } from '../image/descriptor.ts'
import type { Site } from './site.ts'

type LayerLimit = {
  readonly registry: RegExp
  /** the largest layer, in bytes */
  readonly bytes: number
  /** the same in the registry's own words */
  readonly words: string
}

const MEBIBYTE = 1024 * 1024

/**
 * What registries say of themselves (docs.github.com, “Working with the Container registry”; docs.aws.amazon.com, “Amazon
 * ECR service quotas” and “Amazon ECR Public service quotas”).
 */
const LIMITS: readonly LayerLimit[] = [
  { registry: /^ghcr\.io$/, bytes: 10e9, words: '10 GB a layer, and 10 minutes for its upload' },
  { registry: /^public\.ecr\.aws$/, bytes: 10_000 * MEBIBYTE, words: '10 000 MiB a layer' },
  {
    registry: /^\d+\.dkr\.ecr[.-][a-z0-9.-]+\.amazonaws\.com(?:\.cn)?$/,
    bytes: 52_000 * MEBIBYTE,
    words: '52 000 MiB a layer',
  },
]

/**
 * Says once that a layer is larger than its registry takes by its own account, before its bytes are sent. It is sent all the
 * same: larger ones were seen to arrive at GHCR, and what a registry takes is for the registry to say.
 */
export function remarkOnSize({ connection, name, learnt }: Site, { digest, size }: Descriptor): void {
  const limit = LIMITS.find(({ registry }) => registry.test(connection.registry))
  if (limit === undefined || size <= limit.bytes || learnt.remarked.has(digest)) return
  learnt.remarked.add(digest)
  const gigabytes = (size / 1e9).toFixed(1)
  connection.policy.warn(
    `layer ${digest} has ${gigabytes} GB, and ${connection.registry} says that it takes ${limit.words}; it is sent to ${name} all the same`,
  )
}
