import { isIP } from 'node:net'
import { findBaseLayers } from '../content/base-layers.ts'
import type { Edges } from '../edges.ts'
import { isLoopback, type Repository } from '../image/reference.ts'
import type { PublishRequest } from '../plan/request.ts'
import { platformsToSplit, withOrigins } from '../scan/origin.ts'
import type { Scan } from '../scan/scan.ts'
import type { Cargo } from './obtain.ts'

/** What is needed of a run. */
export type SplitRun = {
  readonly request: Pick<PublishRequest, 'images'>
  readonly edges: Pick<Edges, 'stores' | 'clock' | 'reporter'>
}

/** All bases together: nobody waits longer for what only explains. */
const LIMIT_MS = 10_000

/**
 * Tells findings of the base image from those that were added here, where annotations or provenance name the base.
 * Nothing is asked when nothing was found, and nothing of it fails but by a cancel.
 */
export async function splitByBase(
  scan: Scan,
  { source, image }: Pick<Cargo, 'source' | 'image'>,
  { request, edges: { stores, clock, reporter } }: SplitRun,
): Promise<Scan> {
  const platforms = platformsToSplit(scan)
  const bases = await findBaseLayers(
    { source, image, platforms },
    {
      remote: (repository) => (mayAsk(repository, request.images) ? stores.remote(repository, 'pull') : undefined),
      cancelled: clock.signal,
      limitMs: LIMIT_MS,
      debug: (line) => reporter.debug(line),
    },
  )
  return withOrigins(scan, bases)
}

/**
 * Whoever made a layout wrote the names of its bases: they lead to this machine, or to a bare address, only where the
 * workflow itself publishes to that registry.
 */
function mayAsk({ registry }: Repository, images: readonly Repository[]): boolean {
  return !isNear(registry) || images.some((image) => image.registry === registry)
}

/** Read as a URL, since addresses have more ways to be written than one: `2130706433` is 127.0.0.1. */
function isNear(registry: string): boolean {
  const url = URL.parse(`https://${registry}`)
  return url === null || isLoopback(url.hostname) || isIP(url.hostname.replace(/^\[(.*)\]$/, '$1')) !== 0
}
