import { formatRepository } from '../image/reference.ts'
import { expiredRemark } from '../scan/exceptions.ts'
import { type Scan, scanImage } from '../scan/scan.ts'
import { scanInWords, scanReport } from '../scan/scan-report.ts'
import { judge, type Verdict } from '../scan/verdict.ts'
import { splitByBase } from './base-origin.ts'
import { againstBaseline } from './baseline.ts'
import type { Cargo } from './obtain.ts'
import type { Run, Say } from './run.ts'
import { type Tools, type Way, wayOf } from './tools.ts'
import { whereabouts } from './whereabouts.ts'

/** Looks at every platform and decides. */
export async function gate(run: Run, cargo: Cargo, tools: Tools, say: Say): Promise<Verdict> {
  const { request, facts } = run
  const way = await wayOf(request.gate, tools)
  const scan = way === undefined ? 'off' : await scanCargo(run, cargo, way)
  const verdict = judge(cargo.image.root.descriptor, scan, request.gate)
  facts.scan = { ...scanReport(scan, verdict), ...(scan === 'off' ? {} : await whereabouts(run)) }
  say(scanInWords(facts.scan))
  return verdict
}

async function scanCargo(run: Run, cargo: Cargo, way: Way): Promise<Scan> {
  const { request, edges } = run
  const { directory, image } = cargo
  const names = request.images.map(formatRepository)
  const wanted = { ...way, layoutDirectory: directory, platforms: image.platforms, names }
  const scan = await edges.reporter.group('Scan', () => scanImage(wanted, edges))
  const remark = expiredRemark(scan.expired)
  if (remark !== '') edges.reporter.notice(remark)
  return splitByBase(await againstBaseline(run, scan, way), cargo, run)
}
