import type { Gate } from '../plan/request.ts'
import type { Prepared } from '../scan/database.ts'
import type { ScanRequest } from '../scan/scan.ts'
import type { Scanner } from '../scan/scanner.ts'
import { beginDatabase } from './database.ts'
import type { Phases, ToolsRun } from './run.ts'
import { beginScanner } from './scanner.ts'

/** What a scan needs, on its way while something else goes on; none of it where nothing is to be scanned. */
export type Tools = {
  readonly scanner: Promise<Scanner> | undefined
  readonly database: Promise<Prepared> | undefined
  /** when both are there, or cannot be had; does not fail */
  readonly settled: Promise<unknown>
}

/** How an image is scanned: the same way for all that are held against each other. */
export type Way = Omit<ScanRequest, 'layoutDirectory' | 'platforms' | 'names'>

export function beginTools(run: ToolsRun): Tools {
  const scanner = beginScanner(run)
  const database = beginDatabase(run, scanner)
  return { scanner, database, settled: Promise.allSettled([scanner, database]) }
}

/** The tools, once they are there; `undefined` where nothing is to be scanned. Throws why there are none. */
export async function wayOf(gate: Gate, { scanner, database }: Tools): Promise<Way | undefined> {
  const [found, prepared] = [await scanner, await database]
  if (found === undefined) return undefined
  return { gate, scanner: found, ...(prepared === undefined ? {} : { database: prepared }) }
}

/** What `work` brings. Of it and the tools, the one that failed first says why, and neither goes on without the other. */
export async function beside<T>({ over }: Pick<Phases, 'over'>, tools: Promise<unknown>, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    // Only the first reason counts.
    over.abort(error)
    await tools.catch(() => undefined)
    throw over.signal.reason
  }
}
