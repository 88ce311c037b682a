import { layers, type Sample } from './sample.ts'

const MB = 1_000_000
export const TAGS = ['1.4.2', '1.4', 'latest'] as const

/** One kind of push, and what is promised of it. */
export type Case = {
  readonly name: string
  readonly title: string
  /** The image, made anew for each turn, with layers of this share of their size; `before` is what is there already. */
  readonly make: (share: number) => { readonly sample: Sample; readonly before?: Sample }
  readonly registries: number
  /** whether it is measured from 30 ms away too, or on this machine only */
  readonly far: boolean
  readonly again?: boolean
  readonly beside?: readonly ('one registry' | 'at once' | 'bare writer')[]
  readonly promised: Promised
}

/** What Lading promises; walls are medians of one run. */
export type Promised = {
  /** at most so many for each registry, tokens not counted */
  readonly requests?: number
  /** at most this multiple of the best peer, or of the program named */
  readonly walls: readonly { readonly times: number; readonly of?: string }[]
}

/** Whatever the size of the image, in bytes. */
export const PROMISED_MEMORY = 200 * MB

const [B, K, T] = [9, 0, TAGS.length]
/** POST and PUT for each blob, children and root by digest; for each tag: look, look again, write, read back. */
const firstPush = (blobs: number, children: number) => 2 * blobs + children + 1 + 4 * T

const eight = (size: number) => (share: number) => ({ sample: { amd64: layers(8, size * share) } })
const eightAgain = (share: number) => {
  const { sample } = eight(10 * MB)(share)
  return { sample, before: sample }
}

export const CASES: readonly Case[] = [
  {
    name: 'nothing-to-do',
    title: 'Nothing to do: 8 × 10 MB, 3 tags',
    make: eightAgain,
    registries: 1,
    far: true,
    again: true,
    promised: { requests: T, walls: [{ times: 0.8 }] },
  },
  {
    name: 'nothing-to-do-three',
    title: 'Nothing to do in three registries',
    make: eightAgain,
    registries: 3,
    far: true,
    again: true,
    beside: ['at once'],
    // oras is the best for one registry; it takes three one after the other.
    promised: { requests: T, walls: [{ times: 0.4, of: 'oras' }] },
  },
  {
    name: 'first-push',
    title: 'First push: 8 × 10 MB, 3 tags',
    make: eight(10 * MB),
    registries: 1,
    far: true,
    promised: { requests: firstPush(B, K), walls: [{ times: 0.8 }] },
  },
  {
    name: 'one-layer',
    title: 'One layer of 8 × 10 MB changed, 3 tags move',
    make: (share) => {
      const [first, ...same] = layers(8, 10 * MB * share)
      const before = { amd64: [...same, ...(first === undefined ? [] : [first])] }
      return { before, sample: { amd64: [...same, ...layers(1, 10 * MB * share)] } }
    },
    registries: 1,
    far: true,
    // A look at each blob, POST and PUT for layer and config, the manifest, the tags, and up to 3 GETs for the digest that was live.
    promised: { requests: B + 2 * 2 + 1 + 4 * T + 3, walls: [{ times: 0.8 }] },
  },
  {
    name: 'two-platforms',
    title: 'First push of two platforms: 2 × 5 × 8 MB, 3 tags',
    make: (share) => ({ sample: { amd64: layers(5, 8 * MB * share), arm64: layers(5, 8 * MB * share) } }),
    registries: 1,
    far: true,
    promised: { requests: firstPush(12, 2), walls: [{ times: 0.8 }] },
  },
  {
    name: 'three-registries',
    title: 'First push to three registries: 8 × 10 MB, 3 tags in each',
    make: eight(10 * MB),
    registries: 3,
    far: true,
    beside: ['one registry', 'at once'],
    promised: { requests: firstPush(B, K), walls: [{ times: 1.5, of: 'Lading, one registry' }] },
  },
  {
    name: 'big',
    title: 'First push of 8 × 64 MB, 3 tags',
    make: eight(64 * MB),
    registries: 1,
    far: false,
    beside: ['bare writer'],
    // 0.9 of the bare writer's throughput.
    promised: { walls: [{ times: 1.1 }, { times: 1 / 0.9, of: 'bare socket writer' }] },
  },
]
