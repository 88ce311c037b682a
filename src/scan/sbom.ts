import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Edges } from '../edges.ts'
import type { Digest } from '../image/digest.ts'
import { plainLine } from '../plain-text.ts'
import type { SbomFormat } from '../plan/request.ts'
import { broken, exited } from './ended.ts'
import { convertCommand } from './trivy.ts'
import type { Workroom } from './workroom.ts'

/** What an SBOM is made of. */
export type SbomWish = {
  /** Trivy's report, with all packages in it */
  readonly report: string
  /** `linux/arm64` */
  readonly platform: string
  /** the folder that was scanned, whose name the files of this platform have */
  readonly input: string
  readonly format: SbomFormat
  /** the platform's manifest by the names that it will have, `ghcr.io/acme/api@sha256:…` */
  readonly names: readonly string[]
  /** digest of the image's own configuration */
  readonly imageId: Digest
  /** the image's own diff IDs, by those that the scanner was given in their place */
  readonly diffIds: ReadonlyMap<string, string>
}

type SbomTools = {
  readonly program: string
  readonly room: Workroom
  readonly edges: Pick<Edges, 'exec' | 'scratch'>
}

const CONVERT_MS = 5 * 60_000
const EXTENSIONS: Readonly<Record<SbomFormat, string>> = { cyclonedx: 'cdx.json', 'spdx-json': 'spdx.json' }

/**
 * Writes what is in a platform to a file that outlives the step, and says where. Made of the report of the scan, so that
 * what it lists is what was looked at. Throws `SCAN_BROKEN`, `DISK_FULL`, `INPUT_INVALID` or `CANCELLED`.
 */
export async function writeSbom(wish: SbomWish, { program, room, edges }: SbomTools): Promise<string> {
  const doing = `writing the SBOM of ${plainLine(wish.platform)}`
  const [from, to] = [`${wish.input}.packages.json`, `${wish.input}.sbom.json`]
  const path = (name: string): string => join(room.directory, name)
  try {
    await writeFile(path(from), renamed(wish), { mode: 0o600 })
    const names = { from: join('..', from), to: join('..', to) }
    const command = convertCommand(program, wish.format, names, room)
    const ended = exited(await edges.exec({ ...command, timeoutMs: CONVERT_MS }), doing, room)
    if (ended.code !== 0) throw broken(`${doing}: the scanner ended with exit code ${ended.code}`, ended.stderr, room)
    const text = await readFile(path(to), 'utf8').catch(() => '')
    if (!isSbom(text, wish.format)) throw broken(`${doing}: the scanner wrote none`, ended.stderr, room)
    const name = `lading-sbom-${wish.input}`
    return await edges.scratch.keep({ name, extension: EXTENSIONS[wish.format], text })
  } finally {
    for (const name of [from, to]) await rm(path(name), { force: true })
  }
}

/**
 * The report under the names that the image will have: the scanner only knows the folder. Configuration and history go,
 * for they hold the environment in clear, and findings of secrets, which no SBOM lists.
 */
function renamed({ report, names, imageId, diffIds }: SbomWish): string {
  const { Metadata: metadata, ...json } = objectOf(JSON.parse(report))
  const { ImageConfig: _, ...kept } = objectOf(metadata)
  const results = Array.isArray(json['Results'])
    ? json['Results'].filter((one) => objectOf(one)['Class'] !== 'secret')
    : []
  const changed = {
    ...json,
    ArtifactName: names[0] ?? imageId,
    ArtifactID: imageId,
    Metadata: { ...kept, ImageID: imageId, RepoDigests: names },
    Results: results,
  }
  return JSON.stringify(changed, (key, value: unknown) => {
    if (key === 'DiffID' && typeof value === 'string') return diffIds.get(value) ?? value
    if (key === 'DiffIDs' && Array.isArray(value)) return value.map((id: unknown) => diffIds.get(String(id)) ?? id)
    return value
  })
}

function isSbom(text: string, format: SbomFormat): boolean {
  try {
    const json = objectOf(JSON.parse(text))
    return format === 'cyclonedx' ? json['bomFormat'] === 'CycloneDX' : typeof json['spdxVersion'] === 'string'
  } catch {
    return false
  }
}

type Json = Readonly<Record<string, unknown>>

function objectOf(value: unknown): Json {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? Object.fromEntries(Object.entries(value)) : {}
}
