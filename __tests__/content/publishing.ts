import { deliver, type Journey, moveTags, type TagToMove } from '../../src/content/publish.ts'
import type { Target } from '../../src/content/store.ts'
import { LadingError } from '../../src/error.ts'
import { admit } from '../../src/image/admitted.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type MemoryStore, memoryStore, putImage, putIndex } from '../support/memory-store.ts'

export const TAGS: readonly TagToMove[] = [
  { tag: 'latest', kind: 'moving', before: undefined },
  { tag: '1.4', kind: 'moving', before: undefined },
  { tag: '1.4.2', kind: 'fixed', before: undefined },
]

/** A journey on which nothing waits; `waits` are the milliseconds that it should have. */
export function journeyFrom(source: MemoryStore, more: Partial<Journey> = {}): Journey & { waits: number[] } {
  const waits: number[] = []
  const sleep = async (milliseconds: number) => void waits.push(milliseconds)
  const signal = new AbortController().signal
  return { source, signal, now: () => 0, sleep, onFailure: 'abort', waits, ...more }
}

/** An index of two images. */
export function sample(): { source: MemoryStore; root: Descriptor } {
  const source = memoryStore('the layout')
  return { source, root: putIndex(source, [putImage(source, 'amd64', ['one']), putImage(source, 'arm64', ['two'])]) }
}

/** Both halves of a publish: content, then tags. `told` has a line for each tag: `ghcr.io/acme/api:1.4 moved`. */
export async function publish(targets: readonly Target[], tags = TAGS, given = sample(), more: Partial<Journey> = {}) {
  const { source, root } = given
  const journey = journeyFrom(source, more)
  const destinations = targets.map((target) => ({ target, tags }))
  const deliveries = await deliver(admit(root, 'passed'), destinations, journey)
  const outcomes = await moveTags(admit(root, 'passed'), deliveries, journey)
  const told = outcomes.map(({ destination, tag, outcome }) => `${destination.target.name}:${tag} ${outcome}`)
  return { root, deliveries, outcomes, told, waits: journey.waits }
}

export type Failure = 'PUSH_DENIED' | 'REGISTRY_BUSY' | 'DIGEST_MISMATCH'

export function failing(code: Failure = 'PUSH_DENIED'): LadingError {
  return new LadingError(code, 'the registry said no')
}
