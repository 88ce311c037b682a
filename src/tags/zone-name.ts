/**
 * The abbreviation of a time zone as the time zone database has it, `CET` or `+0545`. Intl knows them in long only, so
 * they are told by those names; the database has letters for these zones and numbers for all others.
 * @param offset the zone's in numbers, `+0545`
 */
export function zoneName(time: Date, zone: string, offset: string): string {
  const numbers = offset.replace(/00$/, '')
  if (NUMBERED.includes(zone)) return numbers
  // For Intl it is another name of UTC.
  if (zone.toUpperCase() === 'GMT') return 'GMT'
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'long' }).formatToParts(time)
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
  return ABBREVIATIONS[name] ?? numbers
}

// Intl lends these the name of another zone.
const NUMBERED = ['Antarctica/Casey', 'Antarctica/Troll', 'Asia/Colombo', 'Europe/Minsk']

const ABBREVIATIONS: Readonly<Record<string, string>> = {
  'Coordinated Universal Time': 'UTC',
  'Greenwich Mean Time': 'GMT',
  'British Summer Time': 'BST',
  'Irish Standard Time': 'IST',
  'Western European Standard Time': 'WET',
  'Western European Summer Time': 'WEST',
  'Central European Standard Time': 'CET',
  'Central European Summer Time': 'CEST',
  'Eastern European Standard Time': 'EET',
  'Eastern European Summer Time': 'EEST',
  'Moscow Standard Time': 'MSK',
  'Central Africa Time': 'CAT',
  'East Africa Time': 'EAT',
  'South Africa Standard Time': 'SAST',
  'West Africa Time': 'WAT',
  'Israel Standard Time': 'IST',
  'Israel Daylight Time': 'IDT',
  'Pakistan Standard Time': 'PKT',
  'India Standard Time': 'IST',
  'Western Indonesia Time': 'WIB',
  'Central Indonesia Time': 'WITA',
  'Eastern Indonesia Time': 'WIT',
  'China Standard Time': 'CST',
  'Hong Kong Standard Time': 'HKT',
  'Taiwan Standard Time': 'CST',
  'Philippine Standard Time': 'PST',
  'Japan Standard Time': 'JST',
  'Korean Standard Time': 'KST',
  'Australian Western Standard Time': 'AWST',
  'Australian Central Standard Time': 'ACST',
  'Australian Central Daylight Time': 'ACDT',
  'Australian Eastern Standard Time': 'AEST',
  'Australian Eastern Daylight Time': 'AEDT',
  'New Zealand Standard Time': 'NZST',
  'New Zealand Daylight Time': 'NZDT',
  'Chamorro Standard Time': 'ChST',
  'American Samoa Standard Time': 'SST',
  'Hawaii-Aleutian Standard Time': 'HST',
  'Hawaii-Aleutian Daylight Time': 'HDT',
  'Alaska Standard Time': 'AKST',
  'Alaska Daylight Time': 'AKDT',
  'Pacific Standard Time': 'PST',
  'Pacific Daylight Time': 'PDT',
  'Mexican Pacific Standard Time': 'MST',
  'Yukon Time': 'MST',
  'Mountain Standard Time': 'MST',
  'Mountain Daylight Time': 'MDT',
  'Central Standard Time': 'CST',
  'Central Daylight Time': 'CDT',
  'Cuba Standard Time': 'CST',
  'Cuba Daylight Time': 'CDT',
  'Eastern Standard Time': 'EST',
  'Eastern Daylight Time': 'EDT',
  'Atlantic Standard Time': 'AST',
  'Atlantic Daylight Time': 'ADT',
  'Newfoundland Standard Time': 'NST',
  'Newfoundland Daylight Time': 'NDT',
}
