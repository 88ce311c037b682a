const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** The parts of a layout (pkg.go.dev/time, constants), each spelt as the reference time has it. */
const PART = /January(?![a-z])|Jan(?![a-z])|Monday(?![a-z])|Mon(?![a-z])|2006|15|002|0[1-6]|PM|pm|[1-5]/g
/** Parts that no name of an image needs: zones, fractions of a second, days padded with a space. */
const FOREIGN = /MST|[Z-]07|_2|[.,][09]+(?!\d)/

/** Whether a text is a layout of Go that this knows all parts of. */
export function isGoLayout(layout: string): boolean {
  return !FOREIGN.test(layout)
}

/** A time as `time.Format` of Go writes it, in UTC: `20060102-1504` gives `20261231-2359`. */
export function formatGoTime(layout: string, date: Date): string {
  return layout.replace(PART, (part) => partOf(part, date))
}

function partOf(part: string, date: Date): string {
  const hour = date.getUTCHours()
  const numbers: Readonly<Record<string, number>> = {
    1: date.getUTCMonth() + 1,
    2: date.getUTCDate(),
    3: hour % 12 === 0 ? 12 : hour % 12,
    4: date.getUTCMinutes(),
    5: date.getUTCSeconds(),
    6: date.getUTCFullYear() % 100,
    15: hour,
    2006: date.getUTCFullYear(),
    '002':
      (Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) - Date.UTC(date.getUTCFullYear(), 0, 0)) /
      86_400_000,
  }
  const month = MONTHS[date.getUTCMonth()] ?? ''
  const day = DAYS[date.getUTCDay()] ?? ''
  const words: Readonly<Record<string, string>> = {
    January: month,
    Jan: month.slice(0, 3),
    Monday: day,
    Mon: day.slice(0, 3),
    PM: hour < 12 ? 'AM' : 'PM',
    pm: hour < 12 ? 'am' : 'pm',
  }
  const number = numbers[part] ?? numbers[part.replace(/^0/, '')] ?? 0
  return words[part] ?? String(number).padStart(part.length, '0')
}
