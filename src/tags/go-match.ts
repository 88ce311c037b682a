import { isWord, type OneOf } from './go-class.ts'
import { type Expression, type Place, parseGoExpression, type SyntaxMistake } from './go-syntax.ts'

/** Whether an expression is found in a text. */
export type Matcher = (text: string) => boolean

/**
 * More steps than this make one look at one text slow. A count in braces is written out, so `(\d{100}){100}` has ten
 * thousand of them; Go draws its line at a thousand repeats.
 */
const MOST_STEPS = 4000

/**
 * A matcher of a regular expression of Go. It walks all ways at once, as RE2 does (swtch.com/~rsc/regexp/regexp1.html):
 * its time is bounded by the lengths of pattern and text, where the engine of JavaScript can be held up for years by a
 * pattern such as `(a*)*b`. And what is read by a grammar of its own cannot mean something else in another dialect.
 */
export function goMatcher(pattern: string): Matcher | SyntaxMistake {
  const expression = parseGoExpression(pattern)
  if ('why' in expression) return expression
  const program: Program = { steps: [{ kind: 'found' }] }
  const start = build(program, expression, 0)
  if (program.steps.length >= MOST_STEPS) return { why: 'its counts in braces multiply to too much' }
  return (text) => isFound(program.steps, start, text)
}

/** What is to be done at one point of the way, and where it goes on. */
type Step =
  | { readonly kind: 'found' }
  | { readonly kind: 'character'; readonly is: OneOf; readonly then: number }
  | { readonly kind: 'place'; readonly at: Place; readonly then: number }
  | { readonly kind: 'fork'; readonly ways: number[] }

type Program = { readonly steps: Step[] }

/** Adds the steps of an expression in front of `then`, and tells where they begin. */
function build(program: Program, expression: Expression, then: number): number {
  if (program.steps.length >= MOST_STEPS) return then
  switch (expression.kind) {
    case 'character':
      return add(program, { kind: 'character', is: expression.is, then })
    case 'place':
      return add(program, { kind: 'place', at: expression.at, then })
    case 'sequence':
      return expression.parts.reduceRight((after, part) => build(program, part, after), then)
    case 'choice':
      return add(program, { kind: 'fork', ways: expression.among.map((way) => build(program, way, then)) })
    case 'repeat':
      return buildRepeat(program, expression, then)
  }
}

function buildRepeat(program: Program, { part, least, most }: Expression & { kind: 'repeat' }, then: number): number {
  let at = most === undefined ? buildLoop(program, part, then) : then
  for (let left = (most ?? least) - least; left > 0 && program.steps.length < MOST_STEPS; left -= 1) {
    at = add(program, { kind: 'fork', ways: [build(program, part, at), then] })
  }
  for (let left = least; left > 0 && program.steps.length < MOST_STEPS; left -= 1) at = build(program, part, at)
  return at
}

function buildLoop(program: Program, part: Expression, then: number): number {
  const ways = [then]
  const loop = add(program, { kind: 'fork', ways })
  ways.push(build(program, part, loop))
  return loop
}

function add(program: Program, step: Step): number {
  return program.steps.push(step) - 1
}

function isFound(steps: readonly Step[], start: number, text: string): boolean {
  const characters = [...text]
  let reached: ReadonlySet<number> = new Set()
  for (let at = 0; at <= characters.length; at += 1) {
    // A match may begin anywhere: only a ^ holds it to the beginning.
    const here = follow(steps, [...reached, start], characters, at)
    if (here.has(0)) return true
    reached = consume(steps, here, characters[at] ?? '')
  }
  return false
}

/** Every step that is reached without taking a character. Step 0 is the end. */
function follow(steps: readonly Step[], from: readonly number[], text: readonly string[], at: number): Set<number> {
  const seen = new Set<number>()
  const open = [...from]
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (seen.has(index)) continue
    seen.add(index)
    const step = steps[index]
    if (step?.kind === 'fork') open.push(...step.ways)
    if (step?.kind === 'place' && isAt(step.at, text, at)) open.push(step.then)
  }
  return seen
}

function consume(steps: readonly Step[], here: ReadonlySet<number>, character: string): Set<number> {
  const reached = new Set<number>()
  for (const index of here) {
    const step = steps[index]
    if (character !== '' && step?.kind === 'character' && step.is(character)) reached.add(step.then)
  }
  return reached
}

function isAt(place: Place, text: readonly string[], at: number): boolean {
  const [before, after] = [text[at - 1], text[at]]
  switch (place) {
    case 'text-start':
      return at === 0
    case 'text-end':
      return at === text.length
    case 'line-start':
      return at === 0 || before === '\n'
    case 'line-end':
      return at === text.length || after === '\n'
    default:
      return (isWord(before ?? '') !== isWord(after ?? '')) === (place === 'word-edge')
  }
}
