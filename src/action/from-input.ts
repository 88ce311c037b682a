import { LadingError } from '../error.ts'
import { tryParseDigest } from '../image/digest.ts'
import { parseReference, type Reference, type Repository } from '../image/reference.ts'
import type { Form } from './form.ts'
import { quoted } from './quoted.ts'

/**
 * The image to promote. It is named in full: `latest` is not understood where nothing is said, as it would be elsewhere,
 * since a forgotten tag would promote whatever is there. A digest alone, such as an output of an earlier job, is one of the
 * first of `images`. Upper case in the name is lowered, as in `images`. `undefined` after a mistake.
 */
export function readFrom(form: Form, images: readonly Repository[]): Reference | undefined {
  const text = form.text('from').trim()
  const mistake = (why: string) => {
    form.mistakes.push({ input: 'from', text: why })
    return undefined
  }
  if (text === '') return mistake('it is required: name the image to promote, by tag or digest')
  const digest = tryParseDigest(text)
  // Without any image, that is the mistake to tell.
  if (digest !== undefined) return images[0] === undefined ? undefined : { ...images[0], digest }
  if (/^[a-z]+:\/\//i.test(text)) return mistake(`${quoted(text)} is a URL; leave the scheme away`)
  const { name, end } = split(text)
  if (end === '') return mistake(`${quoted(text)} has neither a tag nor a digest`)
  try {
    return parseReference(`${name.toLowerCase()}${end}`)
  } catch (thrown) {
    if (!(thrown instanceof LadingError)) throw thrown
    return mistake(thrown.message)
  }
}

/** The name, and what stands behind it: `:tag`, `@digest`, or both. A colon before the last slash is a port's. */
function split(text: string): { readonly name: string; readonly end: string } {
  const [before = ''] = text.split('@')
  const colon = before.indexOf(':', before.lastIndexOf('/') + 1)
  const length = colon < 0 ? before.length : colon
  return { name: text.slice(0, length), end: text.slice(length) }
}
