import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { need, requirePart } from '../../scripts/part/index.ts'
import { type Digest, digestOf, parseDigest } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { type Gate, SEVERITIES } from '../../src/plan/request.ts'
import { parseFindings } from '../../src/scan/findings.ts'
import type { Scan } from '../../src/scan/scan.ts'
import { scanReport } from '../../src/scan/scan-report.ts'
import { judge } from '../../src/scan/verdict.ts'
import { PUBLISHED } from '../report/examples.ts'
import { faultsOf, type Sarif, sarifIn } from '../report/sarif.ts'
import { FALSE_TOKEN, SAMPLES } from '../scan/samples.ts'
import { GATE, temporary } from '../scan/world.ts'

const ready = await need(['trivy'])
const program = ready ? await requirePart('trivy') : ''

/** What is compared: the tool, its rules with their levels, and how often each was found. */
function essence({ runs }: Sarif) {
  const [run] = runs
  const rules = run?.tool.driver.rules.map(({ id }) => id).toSorted()
  return {
    tool: run?.tool.driver.version,
    rules,
    results: run?.results.map(({ ruleId, level }) => `${ruleId} ${level}`).toSorted(),
  }
}

describe.skipIf(!ready)("the SARIF of a report and Trivy's own, from the same scan", () => {
  test.each(Object.keys(SAMPLES))('say the same of %s', async (name) => {
    const recorded = join(import.meta.dirname, '../fixtures/trivy', `${name}.json`)
    const ours = sarifIn({ ...PUBLISHED, scan: await reportOf(recorded) })
    expect(faultsOf(ours)).toEqual([])
    expect(essence(ours)).toEqual(essence(await converted(recorded)))
    expect(JSON.stringify(ours)).not.toContain(FALSE_TOKEN)
  })
})

/** What the gate makes of a recorded scan, with all levels. */
async function reportOf(recorded: string) {
  const text = await readFile(recorded, 'utf8')
  const config = parseDigest(JSON.parse(text).Metadata.ImageID)
  const gate: Gate = { ...GATE, scan: 'report', severities: SEVERITIES }
  const manifest = { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf('manifest'), size: 8 }
  const layers = JSON.parse(text).Metadata.DiffIDs.map(parseDigest)
  const expected = {
    platform: 'linux/amd64',
    config,
    layers: new Set<Digest>(layers),
    input: 'linux-amd64',
    severities: SEVERITIES,
  }
  const scan: Scan = {
    scanner: { program, version: '0.74.0', from: 'trivy-path', sha256: '' },
    asked: [{ platform: 'linux/amd64', manifest, config: { ...manifest, digest: config }, layers: [] }],
    platforms: [parseFindings(text, expected)],
    rule: gate,
    expired: [],
  }
  return scanReport(scan, judge(manifest, scan, gate))
}

async function converted(recorded: string): Promise<Sarif> {
  const cwd = await temporary()
  const { stdout } = await promisify(execFile)(program, ['convert', '--format', 'sarif', recorded], {
    cwd,
    env: { HOME: cwd },
  })
  const sarif: Sarif = JSON.parse(stdout)
  return sarif
}
