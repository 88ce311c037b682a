import { LadingError } from '../error.ts'
import { formatRepository, parseRepository, type Repository } from '../image/reference.ts'
import { type Attributes, readAttributes, readFlagAttribute } from './attributes.ts'
import type { Form } from './form.ts'
import { type ListItem, type ListRecord, readRecords } from './lists.ts'
import { quoted } from './quoted.ts'

const INPUT = 'images'

/**
 * The repositories of `images`: names a line or comma-separated, or `name=…,enable=…` as metadata-action has it.
 * Upper case is lowered, as there; a notice says so.
 */
export async function readImages(form: Form): Promise<readonly Repository[]> {
  const records = await readRecords(form, INPUT)
  refuseMixture(form, records)
  const attributes = records.map((record) => readAttributes(form, INPUT, record, ['name', 'enable']))
  const names = attributes.flatMap((one) => namesOf(form, one))
  const images = names.flatMap((name) => parseImage(form, name))
  if (records.length === 0) form.mistakes.push({ input: INPUT, text: 'it is required: name at least one repository' })
  else if (names.length === 0 && form.mistakes.every((mistake) => mistake.input !== INPUT)) {
    form.mistakes.push({ input: INPUT, text: 'every image is switched off by enable=false' })
  }
  refuseTwins(form, images)
  return images.map(({ repository }) => repository)
}

// Of several on such a line metadata-action takes the last and drops the others, which nobody notices.
function refuseMixture(form: Form, records: readonly ListRecord[]): void {
  if (records.length < 2) return
  const isList = ({ fields }: ListRecord) => fields.filter((text) => text !== '' && !text.includes('=')).length > 1
  for (const { line } of records.filter(isList)) {
    const text = 'names stand one a line or with commas between them, not both'
    form.mistakes.push({ input: INPUT, line, text })
  }
}

type Image = { readonly repository: Repository; readonly line: number }

function namesOf(form: Form, attributes: Attributes): readonly ListItem[] {
  const { words, values, line } = attributes
  const names = [...words, ...(values['name'] === undefined ? [] : [values['name']])]
  if (Object.keys(values).length > 0 && names.filter((name) => name !== '').length !== 1) {
    form.mistakes.push({ input: INPUT, line, text: 'a line with attributes names exactly one image' })
    return []
  }
  if (readFlagAttribute(form, INPUT, attributes, 'enable') === false) return []
  return names.map((text) => ({ text, line }))
}

function parseImage(form: Form, { text, line }: ListItem): readonly Image[] {
  const mistake = (why: string) => {
    form.mistakes.push({ input: INPUT, line, text: why })
    return []
  }
  if (/^[a-z]+:\/\//i.test(text)) return mistake(`${quoted(text)} is a URL; leave the scheme away`)
  if (text.includes('@')) {
    const which = form.has('from') ? 'the one to promote is named in `from`' : 'the digest comes from the build'
    return mistake(`${quoted(text)} has a digest; ${which}`)
  }
  if (text.slice(text.lastIndexOf('/') + 1).includes(':'))
    return mistake(`${quoted(text)} has a tag; tags belong in \`tags\``)
  try {
    const repository = parseRepository(text.toLowerCase())
    if (text !== text.toLowerCase())
      form.notices.push(`images: ${quoted(text)} is published as ${formatRepository(repository)}`)
    return [{ repository, line }]
  } catch (thrown) {
    if (!(thrown instanceof LadingError)) throw thrown
    return mistake(thrown.message)
  }
}

function refuseTwins(form: Form, images: readonly Image[]): void {
  const seen = new Set<string>()
  for (const { repository, line } of images) {
    const name = formatRepository(repository)
    if (seen.has(name)) form.mistakes.push({ input: INPUT, line, text: `${name} is there twice` })
    seen.add(name)
  }
}
