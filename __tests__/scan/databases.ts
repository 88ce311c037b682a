import { onTestFinished } from 'vitest'
import { NO_CACHE } from '../../src/cache/none.ts'
import { formatRepository } from '../../src/image/reference.ts'
import { artifactsOf } from '../../src/modes/database.ts'
import type { Gate } from '../../src/plan/request.ts'
import { type DatabaseLimits, type DatabaseRequest, type Prepared, prepareDatabase } from '../../src/scan/database.ts'
import type { Scanner } from '../../src/scan/scanner.ts'
import { openClient } from '../support/client.ts'
import { temporary, type World } from './world.ts'

/** The database that a gate asks for, from real registries, as the action gets it. */
export async function databaseFor(
  gate: Gate,
  scanner: Scanner,
  edges: World,
  more: Partial<DatabaseRequest> & { readonly limits?: DatabaseLimits } = {},
): Promise<Prepared> {
  const client = openClient({ retries: 0 })
  onTestFinished(() => client.close())
  const request = {
    repositories: gate.databases,
    javaRepositories: gate.javaDatabases,
    maxAgeHours: gate.databaseMaxAgeHours,
    directory: await temporary(),
    cache: 'off',
    ...more,
  } as const
  return prepareDatabase(request, {
    ...edges,
    artifact: artifactsOf({ remote: (repository, use) => client.remote(formatRepository(repository), use) }),
    cache: NO_CACHE,
    scanner: Promise.resolve(scanner),
    later: () => undefined,
    signal: edges.clock.signal,
  })
}

/** A database that is said to be there, for scanners that read none. */
export async function preparedDatabase(changes: Partial<Prepared> = {}): Promise<Prepared> {
  const database = { source: 'registry.example/db:2', updated: '2026-11-21T08:30:00.123Z', ageHours: 3 }
  return { database, directory: await temporary(), addJava: async () => undefined, ...changes }
}
