/** The real parts that tests and benchmarks run against: finding, installing and starting them. */
import { copyDatabase, refreshMetadata } from './database.ts'
import { locate, requirePart } from './locate.ts'
import type { PartName } from './table.ts'

export { startCraneRegistry } from './crane-registry.ts'
export { type StartedEngine, startEngine } from './engine.ts'
export { startProxy } from './forward-proxy.ts'
export { install } from './install.ts'
export { type Located, locate, requirePart } from './locate.ts'
export { pushBuilderImage } from './push-builder-image.ts'
export { type AccessLine, type StartedRegistry, startRegistry } from './registry.ts'
export { stopEverything } from './supervised.ts'
export { isPartName, PART_NAMES, type PartName, PEER_NAMES } from './table.ts'

/**
 * A Trivy cache folder with a small database that passes for a current one. Without an argument the shared one, to read
 * from; with a folder a copy there, for a Trivy that writes to its cache.
 */
export async function trivyDatabase(into?: string): Promise<string> {
  const shared = await requirePart('trivy-db')
  await refreshMetadata(shared)
  if (into === undefined) {
    return shared
  }
  await copyDatabase(shared, into)
  return into
}

/**
 * Whether all these parts are there, for `describe.skipIf(!(await need([…])))`. What is missing is told loudly, and where
 * CI is true it is a failure: a run that tests nothing must not look like one that passed.
 */
export async function need(names: readonly PartName[]): Promise<boolean> {
  const missing: string[] = []
  for (const name of names) {
    const located = await locate(name)
    if (!located.found) {
      missing.push(`${name} is missing: ${located.why}. ${located.remedy}`)
    }
  }
  if (missing.length > 0 && process.env['CI'] === 'true') {
    throw new Error(`Tests lack their parts.\n${missing.join('\n')}`)
  }
  for (const line of missing) {
    process.stderr.write(`SKIPPED TESTS, ${line}\n`)
  }
  return missing.length === 0
}
