import type { Edges } from '../../edges.ts'
import type { Environment } from '../../plan/environment.ts'
import type { Gate } from '../../plan/request.ts'
import { type Scan, type ScanRequest, scanImage } from '../../scan/scan.ts'
import type { Phases } from '../run.ts'
import { beginTools, type Tools, wayOf } from '../tools.ts'

/** Looks at images one after the other: the scanner keeps all cores busy by itself. Its tools are fetched for the first. */
export type Scans = {
  look(name: string, image: Pick<ScanRequest, 'layoutDirectory' | 'platforms'>, gate: Gate): Promise<Scan | 'off'>
}

type Around = Phases & { readonly edges: Edges; readonly environment: Environment }

export function openScans(run: Around): Scans {
  let tools: Tools | undefined
  let last: Promise<unknown> = Promise.resolve()

  async function lookNow(name: string, image: Pick<ScanRequest, 'layoutDirectory' | 'platforms'>, gate: Gate) {
    tools ??= beginTools({ ...run, request: { gate } })
    const way = await wayOf(gate, tools)
    if (way === undefined) return 'off' as const
    return run.edges.reporter.group(`Scan of ${name}`, () => scanImage({ ...way, ...image, gate }, run.edges))
  }

  return {
    look(name, image, gate) {
      const looking = last.then(() => lookNow(name, image, gate))
      last = looking.catch(() => undefined)
      return looking
    },
  }
}
