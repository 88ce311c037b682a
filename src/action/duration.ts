import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { quoted } from './quoted.ts'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads a time such as `90s`, `10m`, `48h`, `2d` or `1h30m`, in milliseconds; `undefined` for what is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,9}[smhd])+$/.test(text)) return undefined
  const parts = text.match(/\d+[smhd]/g) ?? []
  return parts.reduce((sum, part) => sum + Number.parseInt(part, 10) * (UNIT_MS[part.slice(-1)] ?? 0), 0)
}

/** The time that an input names, in milliseconds; what is none, or out of bounds, is a mistake. */
export function readDuration(
  form: Form,
  input: InputName,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const text = form.text(input).trim()
  const duration = parseDuration(text)
  if (duration !== undefined && duration >= least && duration <= most) return duration
  const why =
    duration === undefined
      ? 'is no time such as 10m, 48h or 2d'
      : `is not between ${inWords(least)} and ${inWords(most)}`
  form.mistakes.push({ input, text: `${quoted(text)} ${why}` })
  return least
}

function inWords(milliseconds: number): string {
  return milliseconds % 3_600_000 === 0 ? `${milliseconds / 3_600_000}h` : `${milliseconds / 1000}s`
}
