import type { Report } from './report.ts'

/** One output of the action as users see it: `action.yml` and the README are held to this table. */
export type OutputRow = { readonly name: string; readonly description: string }

/** Every output of publish, in the order of documentation. An output is declared when it works, never before. */
const OUTPUTS = [
  {
    name: 'digest',
    description: 'Digest of the index or single manifest, equal in every registry; also set when nothing was pushed',
  },
  { name: 'digests', description: 'JSON: the digest of each platform' },
  { name: 'version', description: 'The version that was published' },
  { name: 'tags', description: 'Full references, name:tag, one a line' },
  { name: 'tag-names', description: 'The tags without registry and repository, one a line' },
  { name: 'labels', description: 'Labels of the image, key=value a line' },
  { name: 'annotations', description: 'Annotations of the image with their level, manifest:key=value a line' },
  {
    name: 'bake-file',
    description: 'Path of a file for docker buildx bake with tags, labels, annotations and arguments',
  },
  { name: 'image-refs', description: 'References by digest, name@sha256:…, one a line' },
  { name: 'tag-refs', description: 'References by tag and digest, name:tag@sha256:…, one a line' },
  { name: 'subjects', description: 'JSON for attest steps: a list of name and digest' },
  { name: 'published', description: 'true when every reference that was to be written shows the digest' },
  { name: 'pushed', description: 'JSON: the references that were written' },
  { name: 'scan-result', description: 'clean, findings or not-scanned' },
  { name: 'vulnerabilities', description: 'JSON: the number of findings of each severity' },
  { name: 'sarif-file', description: 'Path of the findings as SARIF 2.1.0; empty when nothing was scanned' },
  { name: 'sbom-file', description: 'Paths of the SBOM files, one a line; empty unless sbom-format asks for them' },
  { name: 'report-file', description: 'Path of the report' },
  { name: 'rate-limit-limit', description: 'Pulls from Docker Hub in a window; empty when there is no limit' },
  { name: 'rate-limit-remaining', description: 'Pulls that are left; empty when there is no limit' },
  {
    name: 'rate-limit-source',
    description: 'The address or account that Docker Hub counts; empty when there is no limit',
  },
  { name: 'rate-limit-reset', description: 'When the limit has refilled at the latest; empty when there is no limit' },
  { name: 'failure-reason', description: 'Code of the failure; empty on success' },
  { name: 'json', description: 'The whole report as JSON' },
] as const satisfies readonly OutputRow[]

/** What only a build has: nothing is written into an image that is promoted, and nothing of it is listed anew. */
const OF_BUILDS: ReadonlySet<string> = new Set(['labels', 'annotations', 'bake-file', 'sbom-file'])

const SAID_OF_PROMOTION: Readonly<Record<string, string>> = {
  digest: 'Digest of the index or single manifest, the same under every name',
  version: 'The version that it was promoted to',
}

/** The same of a mirror. */
const MIRROR_OUTPUTS = [
  { name: 'copied', description: 'JSON: targets that were written' },
  { name: 'unchanged', description: 'JSON: targets that show what they should, or are left as they are' },
  { name: 'held', description: 'JSON: targets that wait for a later run' },
  { name: 'failed', description: 'JSON: targets that could not be served, or sources that could not be listed' },
  { name: 'drift', description: 'true when targets are behind their sources and check is on' },
  {
    name: 'buildkitd-config',
    description: 'A buildkitd.toml with which a builder takes images from the mirror; empty when no name fits',
  },
  { name: 'report-file', description: 'Path of the report' },
  { name: 'rate-limit-limit', description: 'Pulls from Docker Hub in a window; empty when there is no limit' },
  { name: 'rate-limit-remaining', description: 'Pulls that are left; empty when there is no limit' },
  {
    name: 'rate-limit-source',
    description: 'The address or account that Docker Hub counts; empty when there is no limit',
  },
  { name: 'rate-limit-reset', description: 'When the limit has refilled at the latest; empty when there is no limit' },
  { name: 'failure-reason', description: 'Code of the failure; empty on success' },
  { name: 'json', description: 'The whole report as JSON' },
] as const satisfies readonly OutputRow[]

export type MirrorOutput = (typeof MIRROR_OUTPUTS)[number]['name']

const OUTPUTS_OF: Readonly<Record<Report['mode'] | 'mirror', readonly OutputRow[]>> = {
  publish: OUTPUTS,
  promote: OUTPUTS.filter(({ name }) => !OF_BUILDS.has(name)).map(({ name, description }) => ({
    name,
    description: SAID_OF_PROMOTION[name] ?? description,
  })),
  mirror: MIRROR_OUTPUTS,
}

/** The outputs that an action declares. */
export function outputRows(action: keyof typeof OUTPUTS_OF): readonly OutputRow[] {
  return OUTPUTS_OF[action]
}
