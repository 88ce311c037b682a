import type { Finding, PlatformScan } from './findings.ts'
import type { Scan } from './scan.ts'

/**
 * The scan of an image with marks on every finding that its baseline, platform by platform, has too. A platform that the
 * baseline lacks has no marks: nobody has lived with its findings yet.
 */
export function withBaseline(scan: Scan, baseline: Scan): Scan {
  const known = new Map(baseline.platforms.map((platform) => [platform.platform, knownIn(platform)]))
  return {
    ...scan,
    platforms: scan.platforms.map((platform) => {
      const own = known.get(platform.platform)
      return own === undefined ? platform : { ...platform, findings: platform.findings.map((one) => marked(one, own)) }
    }),
  }
}

/**
 * What an exception or a VEX document takes out of the baseline's count is known too: the image is live with it, and an
 * exception that ran out is not the news of this change.
 */
function knownIn({ findings, accepted }: PlatformScan): ReadonlySet<string> {
  return new Set([...findings, ...accepted].flatMap((finding) => keyOf(finding) ?? []))
}

function marked(finding: Finding, known: ReadonlySet<string>): Finding {
  const key = keyOf(finding)
  return key !== undefined && known.has(key) ? { ...finding, isKnown: true } : finding
}

/**
 * What makes two findings the same in two images; `undefined` when nobody can tell. A vulnerability stays the same in
 * another version of its package. What a found secret is, is not known here, so that another one in its place would look
 * the same: only the same layer is proof, and what stands in the configuration has none.
 */
function keyOf(finding: Finding): string | undefined {
  const { kind, id } = finding
  switch (finding.kind) {
    case 'vulnerability':
    case 'license':
      return JSON.stringify([kind, id, finding.package])
    case 'misconfiguration':
      return JSON.stringify([kind, id, finding.file])
    case 'secret':
      return finding.layer === undefined
        ? undefined
        : JSON.stringify([kind, id, finding.file, finding.line, finding.layer])
  }
}
