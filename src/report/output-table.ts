/** One output of the action as users see it: `action.yml` and the README are held to this table. */
export type OutputRow = { readonly name: string; readonly description: string }

/** Every output, in the order of documentation. An output is declared when it works, never before. */
export const OUTPUTS = [
  {
    name: 'digest',
    description: 'Digest of the index or single manifest, the same in every registry; also set when nothing was pushed',
  },
  { name: 'digests', description: 'JSON object: platform to digest' },
  { name: 'version', description: 'The version' },
  { name: 'tags', description: 'Full references, one a line' },
  { name: 'tag-names', description: 'Tags without registry and name, one a line' },
  { name: 'labels', description: 'Labels, key=value a line' },
  { name: 'annotations', description: 'Annotations with their level, manifest:key=value a line' },
  { name: 'image-refs', description: 'name@digest for each repository that has the image, one a line' },
  { name: 'tag-refs', description: 'name:tag@digest for each reference that shows the image, one a line' },
  {
    name: 'subjects',
    description: 'JSON list of name and digest for attest steps; Docker Hub is index.docker.io there',
  },
  { name: 'published', description: 'true when every reference that was to be written shows the digest' },
  { name: 'pushed', description: 'JSON list of the references that this run wrote' },
  { name: 'scan-result', description: 'clean, findings or not-scanned' },
  { name: 'vulnerabilities', description: 'JSON object: number of findings by severity, each distinct one once' },
  { name: 'report-file', description: 'Path of the report' },
  { name: 'rate-limit-limit', description: 'Pulls that Docker Hub allows in one window; empty when it sets no limit' },
  { name: 'rate-limit-remaining', description: 'Pulls that were left when the build began' },
  { name: 'rate-limit-source', description: 'Address or account that is counted' },
  { name: 'rate-limit-reset', description: 'Time by which the limit has refilled' },
  { name: 'failure-reason', description: 'Code of the failure; empty on success' },
  { name: 'json', description: 'The report; without the last findings when it is too long for an output' },
] as const satisfies readonly OutputRow[]
