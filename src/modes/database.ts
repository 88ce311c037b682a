import { join } from 'node:path'
import { fetchArtifact, findArtifact } from '../content/artifact.ts'
import type { Edges } from '../edges.ts'
import { parseReference } from '../image/reference.ts'
import { plainLine } from '../plain-text.ts'
import type { Environment } from '../plan/environment.ts'
import { mayKeepInCache } from '../plan/keep.ts'
import { type DatabasePorts, type DatabaseRequest, type Prepared, prepareDatabase } from '../scan/database.ts'
import type { Scanner } from '../scan/scanner.ts'
import type { ToolsRun } from './run.ts'

/**
 * Gets hold of the vulnerability database while something else goes on; `undefined` when nothing is looked for that needs
 * one. When there is none to be had, `run.over` is aborted with the reason: nobody may use what is being built.
 */
export function beginDatabase(run: ToolsRun, scanner: Promise<Scanner> | undefined): Promise<Prepared> | undefined {
  const { request, environment, edges, over } = run
  const { scope, databases, javaDatabases, databaseMaxAgeHours, useCache } = request.gate
  if (scanner === undefined || scope.scanners.vuln === undefined) return undefined
  const wanted = {
    repositories: databases,
    javaRepositories: javaDatabases,
    maxAgeHours: databaseMaxAgeHours,
    directory: join(edges.scratch.directory, 'databases'),
    cache: useCache ? cacheUse(environment) : 'off',
  } as const
  const ports: DatabasePorts = {
    ...edges,
    artifact: artifactsOf(edges.stores),
    cache: edges.stores.cache,
    scanner,
    later: (work) =>
      void run.later.push(
        work.catch((error: unknown) => edges.reporter.debug(`not kept: ${plainLine(String(error))}`)),
      ),
    signal: AbortSignal.any([edges.clock.signal, over.signal]),
  }
  const prepared = run.phase('database', async (say) => {
    const found = await prepareDatabase(wanted, ports)
    say(`of ${found.database.source}, ${found.database.ageHours} h old`)
    return found
  })
  prepared.catch((why: unknown) => over.abort(why))
  return prepared
}

/** Artifacts as they lie in registries. */
export function artifactsOf({ remote }: Pick<Edges['stores'], 'remote'>): DatabasePorts['artifact'] {
  return async (text, wish) => {
    const reference = parseReference(text)
    const source = remote({ registry: reference.registry, path: reference.path }, 'pull')
    const tagOrDigest = 'tag' in reference ? reference.tag : reference.digest
    const layer = await findArtifact(source, { tagOrDigest, ...wish })
    return { digest: layer.digest, fetch: (order) => fetchArtifact(source, layer, order) }
  }
}

function cacheUse(environment: Environment): DatabaseRequest['cache'] {
  return mayKeepInCache(environment) ? 'read and write' : 'read'
}
