import { type MemoryStore, memoryStore, putImage, putIndex } from '../../__tests__/support/memory-store.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import type { Dice } from './dice.ts'

export type SoakImage = {
  readonly source: MemoryStore
  readonly root: Descriptor
  /** manifests of platforms, each with its blobs */
  readonly platforms: readonly Descriptor[]
}

const ARCHITECTURES = ['amd64', 'arm64', 'riscv64']
/** The contents that layers are made of: few, so that platforms share some, and of sizes that meet every fault. */
const CONTENTS = ['', 'one', 'two', 'three', 'four', 'five'.repeat(5000), 'six'.repeat(50_000)] as const

/** One to three platforms that may share layers, with or without attestations, as manifest, index or nested index. */
export function randomImage(dice: Dice): SoakImage {
  const source = memoryStore('the image')
  const platforms = ARCHITECTURES.slice(0, dice.between(1, 3)).map((architecture) =>
    putImage(source, architecture, randomLayers(dice, architecture)),
  )
  const [first] = platforms
  if (first !== undefined && platforms.length === 1 && dice.chance(60)) return { source, root: first, platforms }
  const attestations = dice.chance(40) ? platforms.map((platform) => putAttestation(source, platform)) : []
  const index = putIndex(source, [...platforms, ...attestations])
  const root = dice.chance(20) ? putIndex(source, [index]) : index
  return { source, root, platforms }
}

function randomLayers(dice: Dice, architecture: string): readonly string[] {
  const shared = Array.from({ length: dice.between(1, 4) }, () => dice.pick(CONTENTS))
  return [...new Set([...shared, `own of ${architecture}`])]
}

/** As BuildKit hangs it beside a platform. */
function putAttestation(source: MemoryStore, platform: Descriptor): Descriptor {
  const statement = source.put(JSON.stringify({ subject: platform.digest }), 'application/vnd.in-toto+json')
  const config = source.put(
    JSON.stringify({ os: 'unknown', architecture: 'unknown', rootfs: { diff_ids: [statement.digest] } }),
    'application/vnd.oci.image.config.v1+json',
  )
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [statement] }
  return source.put(JSON.stringify(manifest), MEDIA_TYPE.ociManifest, {
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  })
}
