import { zoneName } from './zone-name.ts'

/** A point of time as clocks and calendars of one zone show it. `month` counts from 1, `weekday` from Sunday = 0. */
type Wall = {
  readonly time: Date
  readonly zone: string
  /** of local time ahead of UTC, in minutes */
  readonly offset: number
  readonly year: number
  readonly month: number
  readonly day: number
  readonly weekday: number
  /** counts from 1 */
  readonly dayOfYear: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
}

const DAY = 86_400_000
const MINUTE = 60_000
// What moment writes when no format is given: ISO 8601, which has a form of its own for UTC.
const DEFAULT_FORMAT = 'YYYY-MM-DDTHH:mm:ssZ'
const DEFAULT_FORMAT_UTC = 'YYYY-MM-DDTHH:mm:ss[Z]'

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
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/**
 * A date in the tokens of moment (https://momentjs.com/docs/#/displaying/format/), in English, which is what users of
 * metadata-action write. Text in `[brackets]` and after a backslash is taken as it stands, as is what is no token.
 * @param zone a name of the time zone database; see `isTimeZone`
 */
export function formatDate(time: Date, format: string, zone: string): string {
  if (Number.isNaN(time.getTime())) return 'Invalid date'
  const wall = wallOf(time, zone)
  const fallback = zone === 'UTC' ? DEFAULT_FORMAT_UTC : DEFAULT_FORMAT
  return withoutShorthands(format === '' ? fallback : format).replace(PARTS, (part) => {
    if (part.startsWith('[') && part.length > 1) return part.slice(1, -1)
    if (part.startsWith('\\')) return part.replaceAll('\\', '')
    return TOKENS[part]?.(wall) ?? part
  })
}

/** Whether dates can be told in this zone. */
export function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

// One form for people each: what they stand for is made of the other tokens.
const SHORTHANDS: Readonly<Record<string, string>> = {
  LTS: 'h:mm:ss A',
  LT: 'h:mm A',
  L: 'MM/DD/YYYY',
  LL: 'MMMM D, YYYY',
  LLL: 'MMMM D, YYYY h:mm A',
  LLLL: 'dddd, MMMM D, YYYY h:mm A',
  l: 'M/D/YYYY',
  ll: 'MMM D, YYYY',
  lll: 'MMM D, YYYY h:mm A',
  llll: 'ddd, MMM D, YYYY h:mm A',
}

const TOKENS: Readonly<Record<string, (wall: Wall) => string>> = {
  M: ({ month }) => `${month}`,
  Mo: ({ month }) => ordinal(month),
  MM: ({ month }) => padded(month, 2),
  MMM: ({ month }) => monthOf(month).slice(0, 3),
  MMMM: ({ month }) => monthOf(month),
  Q: ({ month }) => `${quarter(month)}`,
  Qo: ({ month }) => ordinal(quarter(month)),
  D: ({ day }) => `${day}`,
  Do: ({ day }) => ordinal(day),
  DD: ({ day }) => padded(day, 2),
  DDD: ({ dayOfYear }) => `${dayOfYear}`,
  DDDo: ({ dayOfYear }) => ordinal(dayOfYear),
  DDDD: ({ dayOfYear }) => padded(dayOfYear, 3),
  d: ({ weekday }) => `${weekday}`,
  do: ({ weekday }) => ordinal(weekday),
  dd: ({ weekday }) => weekdayOf(weekday).slice(0, 2),
  ddd: ({ weekday }) => weekdayOf(weekday).slice(0, 3),
  dddd: ({ weekday }) => weekdayOf(weekday),
  e: ({ weekday }) => `${weekday}`,
  E: ({ weekday }) => `${isoWeekday(weekday)}`,
  w: (wall) => `${americanWeek(wall).week}`,
  wo: (wall) => ordinal(americanWeek(wall).week),
  ww: (wall) => padded(americanWeek(wall).week, 2),
  W: (wall) => `${isoWeek(wall).week}`,
  Wo: (wall) => ordinal(isoWeek(wall).week),
  WW: (wall) => padded(isoWeek(wall).week, 2),
  Y: ({ year }) => `${year}`,
  YY: ({ year }) => padded(year % 100, 2),
  YYYY: ({ year }) => padded(year, 4),
  YYYYY: ({ year }) => padded(year, 5),
  YYYYYY: ({ year }) => `+${padded(year, 6)}`,
  y: ({ year }) => `${year}`,
  yy: ({ year }) => padded(year, 2),
  yyy: ({ year }) => padded(year, 3),
  yyyy: ({ year }) => padded(year, 4),
  yo: ({ year }) => ordinal(year),
  N: () => 'AD',
  NN: () => 'AD',
  NNN: () => 'AD',
  NNNN: () => 'Anno Domini',
  NNNNN: () => 'AD',
  gg: (wall) => padded(americanWeek(wall).year % 100, 2),
  gggg: (wall) => padded(americanWeek(wall).year, 4),
  ggggg: (wall) => padded(americanWeek(wall).year, 5),
  GG: (wall) => padded(isoWeek(wall).year % 100, 2),
  GGGG: (wall) => padded(isoWeek(wall).year, 4),
  GGGGG: (wall) => padded(isoWeek(wall).year, 5),
  A: ({ hour }) => (hour < 12 ? 'AM' : 'PM'),
  a: ({ hour }) => (hour < 12 ? 'am' : 'pm'),
  H: ({ hour }) => `${hour}`,
  HH: ({ hour }) => padded(hour, 2),
  h: ({ hour }) => `${twelve(hour)}`,
  hh: ({ hour }) => padded(twelve(hour), 2),
  k: ({ hour }) => `${hour || 24}`,
  kk: ({ hour }) => padded(hour || 24, 2),
  m: ({ minute }) => `${minute}`,
  mm: ({ minute }) => padded(minute, 2),
  s: ({ second }) => `${second}`,
  ss: ({ second }) => padded(second, 2),
  hmm: ({ hour, minute }) => `${twelve(hour)}${padded(minute, 2)}`,
  hmmss: ({ hour, minute, second }) => `${twelve(hour)}${padded(minute, 2)}${padded(second, 2)}`,
  Hmm: ({ hour, minute }) => `${hour}${padded(minute, 2)}`,
  Hmmss: ({ hour, minute, second }) => `${hour}${padded(minute, 2)}${padded(second, 2)}`,
  ...fractions(),
  z: abbreviation,
  zz: abbreviation,
  Z: ({ offset }) => offsetText(offset, ':'),
  ZZ: ({ offset }) => offsetText(offset, ''),
  X: ({ time }) => `${Math.floor(time.getTime() / 1000)}`,
  x: ({ time }) => `${time.getTime()}`,
}

// The longest token wins: `MMMM` is no `MM` twice.
const PARTS = partsOf(Object.keys(TOKENS))
const SHORTHAND_PARTS = partsOf(Object.keys(SHORTHANDS))

/** Text in brackets, a token after a backslash, a token, or any other character. */
function partsOf(tokens: readonly string[]): RegExp {
  const longestFirst = tokens.toSorted((one, other) => other.length - one.length).join('|')
  return new RegExp(`\\[[^[]*\\]|\\\\?(?:${longestFirst}|.)`, 'gs')
}

function withoutShorthands(format: string): string {
  return format.replace(SHORTHAND_PARTS, (part) => SHORTHANDS[part] ?? part)
}

/** What clocks and calendars of the zone show: Intl tells the fields, and their distance from UTC is the offset. */
function wallOf(time: Date, zone: string): Wall {
  const offset = offsetOf(time, zone)
  const local = new Date(time.getTime() + offset * MINUTE)
  const year = local.getUTCFullYear()
  return {
    time,
    zone,
    offset,
    year,
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    weekday: local.getUTCDay(),
    dayOfYear: Math.floor((local.getTime() - Date.UTC(year, 0, 1)) / DAY) + 1,
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    millisecond: local.getUTCMilliseconds(),
  }
}

function offsetOf(time: Date, zone: string): number {
  // Most dates are in UTC, and Intl is slow to start.
  if (zone === 'UTC') return 0
  const fields = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(time)
  const field = (type: string) => Number(fields.find((part) => part.type === type)?.value)
  const local = Date.UTC(
    field('year'),
    field('month') - 1,
    field('day'),
    field('hour'),
    field('minute'),
    field('second'),
  )
  return Math.round((local - Math.floor(time.getTime() / 1000) * 1000) / MINUTE)
}

/** Weeks from Sunday; the first one holds 1 January. */
function americanWeek(wall: Wall): { readonly year: number; readonly week: number } {
  return weekBy(wall, wall.weekday, 6)
}

/** Weeks from Monday; the first one holds 4 January (ISO 8601). */
function isoWeek(wall: Wall): { readonly year: number; readonly week: number } {
  return weekBy(wall, isoWeekday(wall.weekday) - 1, 3)
}

/** A week belongs to the year of its day number `decisive`. `position` is today's place in it; both count from 0. */
function weekBy({ year, month, day }: Wall, position: number, decisive: number) {
  const owner = new Date(Date.UTC(year, month - 1, day + decisive - position))
  const weekYear = owner.getUTCFullYear()
  return { year: weekYear, week: Math.floor((owner.getTime() - Date.UTC(weekYear, 0, 1)) / (7 * DAY)) + 1 }
}

function isoWeekday(weekday: number): number {
  return weekday === 0 ? 7 : weekday
}

function quarter(month: number): number {
  return Math.ceil(month / 3)
}

function twelve(hour: number): number {
  return hour % 12 === 0 ? 12 : hour % 12
}

function monthOf(month: number): string {
  return MONTHS[month - 1] ?? ''
}

function weekdayOf(weekday: number): string {
  return WEEKDAYS[weekday] ?? ''
}

function ordinal(number: number): string {
  const teens = Math.floor((number % 100) / 10) === 1
  const ending = { 1: 'st', 2: 'nd', 3: 'rd' }[teens ? 0 : number % 10] ?? 'th'
  return `${number}${ending}`
}

function padded(number: number, width: number): string {
  return `${number}`.padStart(width, '0')
}

/** `S` to `SSSSSSSSS`: digits of the second; a Date knows the first three. */
function fractions(): Readonly<Record<string, (wall: Wall) => string>> {
  const widths = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  return Object.fromEntries(
    widths.map((width) => [
      'S'.repeat(width),
      ({ millisecond }: Wall) => padded(millisecond, 3).padEnd(width, '0').slice(0, width),
    ]),
  )
}

/** `+05:30`, `-0300`. */
function offsetText(offset: number, separator: string): string {
  const minutes = Math.abs(offset)
  const sign = offset < 0 ? '-' : '+'
  return `${sign}${padded(Math.floor(minutes / 60), 2)}${separator}${padded(minutes % 60, 2)}`
}

function abbreviation({ time, zone, offset }: Wall): string {
  return zone === 'UTC' ? 'UTC' : zoneName(time, zone, offsetText(offset, ''))
}
