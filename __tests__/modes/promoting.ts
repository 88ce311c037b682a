import { readFileSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { readPromoteInputs } from '../../src/action/promote-inputs.ts'
import { NO_CACHE } from '../../src/cache/none.ts'
import type { History } from '../../src/edges.ts'
import { formatRepository } from '../../src/image/reference.ts'
import type { Environment } from '../../src/plan/environment.ts'
import { type Report, run } from '../../src/run.ts'
import { environment, withInputs } from '../action/given.ts'
import { temporary, world } from '../scan/world.ts'
import { DATABASE } from '../scenarios/programs.ts'
import { type ClientOptions, openClient } from '../support/client.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from '../support/registry/server.ts'
import { blobPath, type SampleLayout, type SampleSpec, writeSampleLayout } from '../support/sample-layout.ts'

export const SOURCE = 'https://github.com/acme/api'

/** A registry for one test. */
export async function registry(options: RegistryOptions = {}): Promise<InProcessRegistry> {
  const started = await startRegistry(options)
  onTestFinished(() => started.stop())
  return started
}

export type Seeded = SampleLayout & { readonly digest: string }

/** Puts a sample image into a repository, as somebody else would have done before. */
export async function seed(where: InProcessRegistry, name: string, spec: SampleSpec): Promise<Seeded> {
  const [repository = '', tag] = name.split(':')
  const layout = await writeSampleLayout(await temporary('promote-'), spec)
  const bytes = (digest: SampleLayout['root']['digest']) => readFileSync(blobPath(layout.directory, digest))
  const digests = [layout.root.digest, ...below(layout, bytes(layout.root.digest))]
  const read = digests.map(bytes)
  const [root = Buffer.alloc(0), ...others] = read
  const manifests = others.filter(isManifest)
  const blobs = others.filter((one) => !isManifest(one))
  for (const manifest of manifests) where.put(repository, { manifest, blobs })
  where.put(repository, { manifest: root, blobs, ...(tag === undefined ? {} : { tag }) })
  return { ...layout, digest: layout.root.digest }
}

type Bytes = Buffer

/** Everything below a manifest, attestations too. */
function below(layout: SampleLayout, manifest: Bytes): readonly SampleLayout['root']['digest'][] {
  const { manifests = [], layers = [], config } = JSON.parse(manifest.toString('utf8'))
  const parts: SampleLayout['root'][] = [...manifests, ...layers, ...(config === undefined ? [] : [config])]
  return parts.flatMap(({ digest, mediaType }) => [
    digest,
    ...(/manifest|index/.test(mediaType) ? below(layout, readFileSync(blobPath(layout.directory, digest))) : []),
  ])
}

function isManifest(bytes: Bytes): boolean {
  return bytes.subarray(0, 20).toString('utf8').startsWith('{"schemaVersion"')
}

export type Given = {
  readonly environment?: Partial<Environment>
  readonly history?: Partial<History>
  readonly client?: ClientOptions
}

export type Promoted = {
  readonly report: Report
  /** programs that were started */
  readonly programs: number
  readonly said: readonly string[]
}

/** A promotion as the action does it, from its inputs to its report, with nobody else to ask than the registries. */
export async function promote(inputs: Readonly<Record<string, string>>, given: Given = {}): Promise<Promoted> {
  const around = environment(given.environment)
  const { request } = await readPromoteInputs(withInputs({ ...DATABASE, ...inputs }), around)
  const client = openClient({ retries: 0, ...given.client })
  onTestFinished(() => client.close())
  const { clock, exec, reporter, scratch, commands, said } = await world()
  const history: History = {
    compare: async () => ({ kind: 'unknown' }),
    head: async () => undefined,
    committed: async () => undefined,
    facts: async () => undefined,
    ...given.history,
  }
  const nowhere = (): never => {
    throw new Error('this is not asked of the world')
  }
  const report = await run(request, around, {
    reporter,
    clock,
    exec,
    scratch,
    project: { history, codeScanning: { mayUpload: nowhere, upload: nowhere } },
    stores: {
      remote: (repository, use) => client.remote(formatRepository(repository), use),
      layout: nowhere,
      download: nowhere,
      cache: NO_CACHE,
    },
    docker: nowhere,
  })
  return { report, programs: commands.length, said }
}

/** How many requests of each kind. */
export function tally({ requests }: InProcessRegistry): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { step } of requests) counts[step] = (counts[step] ?? 0) + 1
  return counts
}

export function tagsOf(where: InProcessRegistry, repository: string): Readonly<Record<string, string>> {
  return Object.fromEntries(where.repositories.get(repository)?.tags ?? [])
}

/** The bytes of a manifest as the registry would give them. */
export function manifestOf(where: InProcessRegistry, repository: string, digest: string): string | undefined {
  const found = where.repositories.get(repository)?.manifests.get(digest)
  return found === undefined ? undefined : Buffer.from(found.bytes).toString('utf8')
}
