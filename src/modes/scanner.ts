import { mayKeepInCache } from '../plan/keep.ts'
import { prepareScanner, type Scanner } from '../scan/scanner.ts'
import type { ToolsRun } from './run.ts'

/**
 * Finds the scanner, or fetches it, while something else goes on; `undefined` when nothing is to be scanned. When there
 * is none to be had, `run.over` is aborted with the reason: nobody may use what is being built.
 */
export function beginScanner(run: ToolsRun): Promise<Scanner> | undefined {
  const { request, environment, edges, over, later } = run
  if (request.gate.scan === 'off') return undefined
  const { system, toolCache } = environment
  const signal = AbortSignal.any([edges.clock.signal, over.signal])
  const scanner = run.phase('scanner', async (say) => {
    const { trivy, useCache } = request.gate
    const mayKeep = mayKeepInCache(environment)
    const found = await prepareScanner({ trivy, system, toolCache, useCache, mayKeep, signal }, edges)
    if (found.kept !== undefined) later.push(found.kept)
    say(`trivy ${found.version} from ${found.from}, sha256 ${found.sha256}`)
    return found
  })
  scanner.catch((why: unknown) => over.abort(why))
  return scanner
}
