import { code, type Table, table } from './markdown.ts'
import { formatBytes, formatCount, formatDuration } from './quantity.ts'
import type { Amount, RegistryReport } from './report.ts'

const ROOM = { most: 50, bytes: 80_000 }

/** What travelled to each registry, and what did not have to. */
export function trafficOf(registries: readonly RegistryReport[]): string {
  if (registries.length === 0) return ''
  const legend = `Bar by bytes: ${UPLOADED} uploaded, ${MOUNTED} mounted from another repository, ${PRESENT} already there.`
  return ['### Traffic', table(TRAFFIC_TABLE, registries, ROOM), legend].join('\n\n')
}

const TRAFFIC_TABLE: Table<RegistryReport> = {
  head: ['Repository', 'Traffic', 'Uploaded', 'Mounted', 'Already there', 'Requests', 'Time'],
  row: (registry) => [
    code(`${registry.registry}/${registry.repository}`, 300),
    barOf(registry),
    amount(registry.uploaded),
    amount(registry.mounted),
    amount(registry.present),
    requestsOf(registry),
    formatDuration(registry.milliseconds),
  ],
}

const UPLOADED = '█'
const MOUNTED = '▒'
const PRESENT = '░'
const WIDTH = 16

/** A bar of text. What travelled at all has at least one cell. */
function barOf({ uploaded, mounted, present }: RegistryReport): string {
  const all = uploaded.bytes + mounted.bytes + present.bytes
  if (!(all > 0)) return '–'
  const up = cellsOf(uploaded.bytes, all, WIDTH)
  const across = cellsOf(mounted.bytes, all, WIDTH - up)
  return code(`${UPLOADED.repeat(up)}${MOUNTED.repeat(across)}${PRESENT.repeat(WIDTH - up - across)}`)
}

function cellsOf(bytes: number, all: number, most: number): number {
  const cells = Math.round((bytes / all) * WIDTH)
  return Math.min(most, bytes > 0 ? Math.max(1, cells) : 0)
}

function amount({ blobs, bytes }: Amount): string {
  return blobs === 0 ? '–' : `${formatCount(blobs, 'blob')}, ${formatBytes(bytes)}`
}

function requestsOf({ requests, retries }: RegistryReport): string {
  const total = Object.values(requests).reduce((sum, count) => sum + count, 0)
  const again = retries === 0 ? '' : `, ${formatCount(retries, 'retry', 'retries')}`
  return `${total}${again}`
}
