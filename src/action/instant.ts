const FORM = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d{1,9})?\s*(Z|z|[+-]\d{2}:\d{2})?)?$/

/**
 * A day or a moment as ISO 8601 in UTC; `undefined` when it is none. A day means its first moment, and what names no
 * zone is in UTC: as Trivy reads the dates of its exceptions.
 */
export function parseInstant(text: string): string | undefined {
  const match = FORM.exec(text.trim())
  if (match === null) return undefined
  const [, day = '', time = '00:00', zone = 'Z'] = match
  // The library takes 31 February for 3 March.
  if (iso(`${day}T00:00Z`)?.startsWith(day) !== true) return undefined
  return iso(`${day}T${time}${zone.toUpperCase()}`)
}

function iso(text: string): string | undefined {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
