import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { quoted } from './quoted.ts'

/** One record of a list: its comma-separated fields, and the line on which it begins, counted from 1. */
export type ListRecord = { readonly fields: readonly string[]; readonly line: number }
/** One item of a list. */
export type ListItem = { readonly text: string; readonly line: number }

/**
 * The records of a list input: one a line, fields as in CSV, quoted ones over several lines, `#` starts a comment line.
 * These are the rules of docker's own actions (`getInputList`), except that a `#` within a line is text.
 */
export async function readRecords(form: Form, name: InputName): Promise<readonly ListRecord[]> {
  const records = await readWritten(form, name)
  return records.map(({ fields, line }) => ({ fields: fields.map((field) => field.trim()), line }))
}

/**
 * The records of a list whose records are read a second time by metadata-action: there a comma in a value needs quotes
 * around the whole line as well. Here quotes around the field are enough, and those around the line do no harm.
 */
export async function readRules(form: Form, name: InputName): Promise<readonly ListRecord[]> {
  const records = await readRecords(form, name)
  const rules = await Promise.all(records.map((record) => withoutOuterQuotes(form, name, record)))
  for (const { fields, line } of rules.filter(({ fields }) => fields.some((field) => /^[^=]*=\s*"/.test(field)))) {
    const text = `${quoted(fields.join(','))} has quotes around a value; they belong around key=value: "value=a,b"`
    form.mistakes.push({ input: name, line, text })
  }
  return rules
}

async function withoutOuterQuotes(form: Form, name: InputName, record: ListRecord): Promise<ListRecord> {
  const [only = '', ...more] = record.fields
  // Without quotes it would be several fields.
  if (more.length > 0 || !only.includes(',')) return record
  const [inner] = only.includes('"') ? await parseCsv(form, name, only) : splitLines(only)
  const fields = inner?.fields.map((field) => field.trim()) ?? []
  // Else the comma belongs to the value of a single attribute.
  return fields.every((field) => field.includes('=')) ? { fields, line: record.line } : record
}

/** The items of a list in which a comma separates items as a line does. */
export async function readItems(form: Form, name: InputName): Promise<readonly ListItem[]> {
  const records = await readRecords(form, name)
  return records.flatMap(({ fields, line }) => fields.filter((text) => text !== '').map((text) => ({ text, line })))
}

/** The items of a list in which a comma is part of the item. */
export async function readLines(form: Form, name: InputName): Promise<readonly ListItem[]> {
  const records = await readWritten(form, name)
  // The spaces beside a comma are as much a part of the item as the comma is.
  return records.map(({ fields, line }) => ({ text: fields.join(',').trim(), line }))
}

/** The records that are no comment and not empty, with their fields as they were written. */
async function readWritten(form: Form, name: InputName): Promise<readonly ListRecord[]> {
  const text = form.text(name)
  // Almost every list is free of quotes, and then a split does what the library does.
  const records = text.includes('"') ? await parseCsv(form, name, text) : splitLines(text)
  return records.filter(
    ({ fields }) => fields.some((field) => field.trim() !== '') && fields[0]?.trim().startsWith('#') !== true,
  )
}

function splitLines(text: string): ListRecord[] {
  return text.split(/\r?\n/).map((line, index) => ({ fields: line.split(','), line: index + 1 }))
}

async function parseCsv(form: Form, name: InputName, text: string): Promise<ListRecord[]> {
  const { CsvError, parse } = await import('csv-parse/sync')
  const records: ListRecord[] = []
  try {
    parse(text, {
      columns: false,
      relax_quotes: true,
      relax_column_count: true,
      skip_empty_lines: true,
      comment: '#',
      comment_no_infix: true,
      record_delimiter: ['\r\n', '\n'],
      on_record: (fields: string[], context) => {
        records.push({ fields, line: context.lines - newlines(fields) })
        return null
      },
    })
  } catch (thrown) {
    // The library's own words may hold a piece of the value, which can be a secret.
    const line = thrown instanceof CsvError && typeof thrown['lines'] === 'number' ? { line: thrown['lines'] } : {}
    form.mistakes.push({ input: name, ...line, text: 'a quoted value is not closed, or goes on after its quote' })
  }
  return records
}

function newlines(fields: readonly string[]): number {
  return fields.join('').split('\n').length - 1
}
