/** The demonstration: publish, publish again, be refused. Every number that it prints comes from this run. */
import type { StepEnd } from '../../__tests__/support/runner.ts'
import { logText } from './log-text.ts'
import { type Promises, promisesTold } from './promises.ts'
import type { SampleName } from './sample-image.ts'
import { openStage, REPOSITORY, type Stage } from './stage.ts'
import { summaryText } from './summary-text.ts'
import { type Seen, seenBy, seenText } from './traffic.ts'

process.exitCode = await demonstrate()

async function demonstrate(): Promise<number> {
  // A step that is under way gets the same signal and ends by itself; what was started here is then stopped as usual.
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')))
  const promises = promisesTold(tell)
  const begun = performance.now()
  heading('Lading at work', '=')
  try {
    await using stage = await openStage()
    introduce(stage)
    const first = await publish(stage, promises)
    interrupted.signal.throwIfAborted()
    const again = await publishAgain(stage, first, promises)
    interrupted.signal.throwIfAborted()
    const refused = await refuse(stage, first, promises)
    conclude(promises, [first.seen, again, refused], performance.now() - begun)
  } catch (error) {
    tell(`The demonstration could not go on: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
  return promises.broken.length === 0 ? 0 : 1
}

function introduce({ engine, scanner, registries: [open, guarded] }: Stage): void {
  tell(`Two registries run inside this process: ${open.host} is open, ${guarded.host} asks for a token.`)
  tell('The action is the real bundle, dist/index.js, started as a runner starts it: main, then post.')
  tell(engine.said)
  tell(scanner.said)
}

type Published = { readonly digest: string; readonly seen: readonly Seen[] }

async function publish(stage: Stage, promises: Promises): Promise<Published> {
  heading('1. Publish a release for two platforms to both registries', '-')
  for (const [name, value] of Object.entries(stage.inputs('good'))) tell(...yaml(name, value))
  const { end, seen } = await run(stage, 'good', 'v1.4.2')
  const digest = end.main.outputs['digest'] ?? ''
  tell('', 'Was it as promised?')
  promises.look('the step is green and says published: true', isGreen(end))
  promises.look(`each registry shows ${digest.slice(0, 19)} under all 3 tags`, showAll(stage, digest))
  promises.look('after the post step only the report is left on the runner', leavesOnlyReport(end))
  return { digest, seen }
}

async function publishAgain(stage: Stage, first: Published, promises: Promises): Promise<readonly Seen[]> {
  heading('2. The same again', '-')
  const { end, seen } = await run(stage, 'good', 'v1.4.2')
  tell('', 'Was it as promised?')
  promises.look('the step is green', isGreen(end))
  promises.look('it is the same image, digest for digest', end.main.outputs['digest'] === first.digest)
  promises.look('no registry was written to, and not a byte of content travelled', seen.every(isUntouched))
  return seen
}

async function refuse(stage: Stage, first: Published, promises: Promises): Promise<readonly Seen[] | undefined> {
  heading('3. A vulnerable image: the second platform has a musl with CVE-2019-14697', '-')
  if (stage.scanner.value === undefined) {
    tell(`Not shown. ${stage.scanner.said}`)
    return undefined
  }
  const { end, seen } = await run(stage, 'vulnerable', 'v1.5.0')
  const scanned = end.main.report?.scan.platforms.map(({ platform, counts }) => [platform, counts['CRITICAL'] ?? 0])
  tell('', 'Was it as promised?')
  promises.look('the step is red, and says why: SCAN_FINDINGS', reasonOf(end) === 'SCAN_FINDINGS')
  promises.look('the finding is in linux/arm64 alone', String(scanned) === 'linux/amd64,0,linux/arm64,1')
  promises.look('no registry was written to', seen.every(isUntouched))
  promises.look('every tag still shows the image of before', showAll(stage, first.digest))
  return seen
}

function conclude(promises: Promises, [first, again, refused]: readonly Chapter[], milliseconds: number): void {
  heading(promises.broken.length === 0 ? 'What you have seen' : 'Not everything was as promised', '=')
  for (const promise of promises.broken) tell(`Broken: ${promise}`)
  tell(`One image published: ${totals(first)}. The same again: ${totals(again)}. A vulnerable one: ${totals(refused)}.`)
  tell(`It took ${(milliseconds / 1000).toFixed(1)} s, and every number above comes from this run.`)
  tell('Go on with README.md: a workflow to copy, every input, and what the step does for you.')
}

type Chapter = readonly Seen[] | undefined
type Told = { readonly end: StepEnd; readonly seen: readonly Seen[] }

/** Runs a step and prints what a user gets to see of it, and what the registries saw. */
async function run(stage: Stage, image: SampleName, gitTag: string): Promise<Told> {
  for (const registry of stage.registries) registry.reset()
  const end = await stage.step(image, gitTag)
  const seen = stage.registries.map(seenBy)
  tell('', `The log of the step (push of ${gitTag}):`, ...indented(logText(end.main.log.text)))
  tell('', 'The job summary:', ...indented(summaryText(end.main.summary)))
  tell('', 'What the registries saw:', ...seen.map(seenText))
  return { end, seen }
}

function isGreen({ main, post }: StepEnd): boolean {
  return main.exitCode === 0 && post.exitCode === 0 && main.outputs['published'] === 'true'
}

function reasonOf({ main }: StepEnd): string | undefined {
  return main.exitCode === 0 ? undefined : main.outputs['failure-reason']
}

function leavesOnlyReport({ leftovers }: StepEnd): boolean {
  return leftovers.every((path) => /^temp\/lading-(?:report|bake|scan)[^/]*\.(?:json|sarif)$/.test(path))
}

function showAll({ registries }: Stage, digest: string): boolean {
  return registries.every((registry) => {
    const tags = [...(registry.repositories.get(REPOSITORY)?.tags.values() ?? [])]
    return tags.length === 3 && tags.every((shown) => shown === digest)
  })
}

function isUntouched({ writes, received }: Seen): boolean {
  return writes === 0 && received === 0
}

function totals(chapter: Chapter): string {
  if (chapter === undefined) return 'not shown'
  const received = chapter.reduce((sum, seen) => sum + seen.received, 0)
  const writes = chapter.reduce((sum, seen) => sum + seen.writes, 0)
  return `${writes} writes, ${received.toLocaleString('en')} bytes received`
}

function yaml(name: string, value: string): readonly string[] {
  return value.includes('\n') ? [`  ${name}: |`, ...indented(indented(value.split('\n')))] : [`  ${name}: ${value}`]
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}

function heading(text: string, line: '=' | '-'): void {
  tell('', text, line.repeat(text.length))
}

function tell(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}
