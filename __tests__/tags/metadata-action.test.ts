import { describe, expect, test } from 'vitest'
import { formatReference, parseReference, tagged } from '../../src/image/reference.ts'
import { DIFFERENCES } from './metadata-action/differences.ts'
import { type Answer, ask } from './metadata-action/ours.ts'
import { book, type RecordedCase } from './metadata-action/recorded.ts'

/** What both answer: the version, the names, and the references where images are given. */
type Told =
  | { readonly version: string; readonly tagNames: readonly string[]; readonly tags: readonly string[] }
  | 'refused'

function theirs({ expected }: RecordedCase): Told {
  const { version, tags, tagNames = tags } = expected
  if (expected.exit !== 0 || version === undefined || tags === undefined || tagNames === undefined) return 'refused'
  return { version, tagNames, tags: expected.tagNames === undefined ? [] : tags.map(inFull) }
}

// Docker Hub is not named there.
function inFull(reference: string): string {
  try {
    return formatReference(parseReference(reference))
  } catch {
    return reference
  }
}

function ours(answer: Answer, { expected }: RecordedCase): Told {
  if ('refusal' in answer) return 'refused'
  const tagNames = answer.names.tags.map(({ tag }) => tag)
  const { images } = answer.inputs.request
  const tags = images.flatMap((image) => tagNames.map((tag) => formatReference(tagged(image, tag))))
  return { version: answer.names.version, tagNames, tags: expected.tagNames === undefined ? [] : tags }
}

/** Of a rule that was for this run and failed; that there is no tag at all is told otherwise here. */
function warns({ expected: { warnings = [] } }: RecordedCase): boolean {
  return warnings.some((text) => !/^No Docker (?:image version|tag) has been generated/.test(text))
}

type Other = { readonly name: string; readonly why: string } & (
  | { readonly refusal: string }
  | { readonly tagNames: readonly string[] }
)

const others: readonly Other[] = DIFFERENCES.flatMap(({ why, refused, tags = {} }) => [
  ...(refused?.cases ?? []).map((name) => ({ name, why, refusal: refused?.by ?? '' })),
  ...Object.entries(tags).map(([name, tagNames]) => ({ name, why, tagNames })),
])
const different = new Set(others.map(({ name }) => name))

function named(name: string): RecordedCase {
  const one = book.cases.find((candidate) => candidate.name === name)
  if (one === undefined) throw new Error(`there is no case ${name}`)
  return one
}

describe('names are those of docker/metadata-action', () => {
  test.each(book.cases.filter(({ name }) => !different.has(name)))('$name', async (one) => {
    const answer = await ask(one)
    expect(ours(answer, one)).toEqual(theirs(one))
    if ('names' in answer) expect(answer.names.warnings.length > 0).toBe(warns(one))
  })
})

describe('where names are others, it is by intention', () => {
  test.each(others)('$name: $why', async (other) => {
    const one = named(other.name)
    const answer = await ask(one)
    expect(ours(answer, one)).not.toEqual(theirs(one))
    if ('refusal' in other) expect(answer).toMatchObject({ refusal: expect.stringContaining(other.refusal) })
    else expect('names' in answer && answer.names.tags.map(({ tag }) => tag)).toEqual(other.tagNames)
  })
})

test('there are a few hundred cases, most of them without a difference', () => {
  expect(book.cases.length).toBeGreaterThan(800)
  expect(different.size).toBeLessThan(book.cases.length / 5)
  expect(others).toHaveLength(different.size)
})
