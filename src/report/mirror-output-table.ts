import type { OutputRow } from './output-table.ts'

/** Every output of a mirror, in the order of documentation. An output is declared when it works, never before. */
export const MIRROR_OUTPUTS = [
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
