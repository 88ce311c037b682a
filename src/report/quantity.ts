const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Bytes for people, in powers of ten as registries count them: `999 B`, `4.1 MB`, `88 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // What would round up to 1000 belongs to the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit] ?? 'B'}`
}

/** Milliseconds for people: `0.4 s`, `41.2 s`, `2 min 5 s`, `1 h 3 min`; a second part that is nothing is left out. */
export function formatDuration(milliseconds: number): string {
  const tenths = Math.round(milliseconds / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return parts(seconds, 'min', 's')
  return parts(Math.round(seconds / 60), 'h', 'min')
}

function parts(small: number, larger: string, smaller: string): string {
  const whole = `${Math.floor(small / 60)} ${larger}`
  return small % 60 === 0 ? whole : `${whole} ${small % 60} ${smaller}`
}

/** `1 blob`, `3 blobs`, `2 repositories`. */
export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
