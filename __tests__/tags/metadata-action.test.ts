import { describe, expect, test } from 'vitest'
import { formatReference, parseReference, tagged } from '../../src/image/reference.ts'
import { occasionOf } from '../../src/plan/occasion.ts'
import { factsOf } from '../../src/tags/occasion.ts'
import { expand, parseTemplate } from '../../src/tags/template.ts'
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

/** Labels with expressions, each with what metadata-action made of it; a line without `=` is no label. */
const lines = book.cases.flatMap((one) => {
  const written = (one.inputs?.['labels'] ?? '').split('\n').filter((line) => /^[^={]+=.*\{\{/.test(line))
  const answers = new Map((one.expected.labels ?? []).map((line) => [line.slice(0, line.indexOf('=')), line]))
  return written.flatMap((line) => {
    const answer = answers.get(line.slice(0, line.indexOf('=')))
    return answer === undefined ? [] : [{ one, line, answer }]
  })
})

/** What there is empty, or another time zone; differences.ts says why. */
const REFUSED = [
  'none={{version}}|{{nothing}}',
  'a={{version}}',
  'b={{major}}',
  "41={{date 'YYYY-MM-DDTHH:mm:ssZ z' tz='Asia/Vostok'}}",
]

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&quot;': '"',
  '&#x3D;': '=',
}

/** Handlebars escapes what expressions stand for, as if a label were HTML. */
function unescaped(text: string): string {
  return text.replace(/&[^;\s]+;/g, (entity) => ENTITIES[entity] ?? entity)
}

describe('expressions stand for what they do in docker/metadata-action', () => {
  test.each([...new Set(lines.map(({ one }) => one))])('$name', async (one) => {
    const asked = await ask(one)
    if ('refusal' in asked) throw new Error(asked.refusal)
    const facts = factsOf(occasionOf(asked.inputs.request, asked.environment))
    for (const { line, answer } of lines.filter((candidate) => candidate.one === one)) {
      const template = parseTemplate(line)
      expect('why' in template, line).toBe(REFUSED.includes(line))
      if (!('why' in template)) expect(expand(template, facts)).toBe(unescaped(answer))
    }
  })

  test('hundreds of times', () => {
    expect(lines.length).toBeGreaterThan(800)
    expect(REFUSED.filter((text) => lines.every(({ line }) => line !== text))).toEqual([])
  })
})

test('there are a few hundred cases, most of them without a difference', () => {
  expect(book.cases.length).toBeGreaterThan(800)
  expect(different.size).toBeLessThan(book.cases.length / 5)
  expect(others).toHaveLength(different.size)
})
