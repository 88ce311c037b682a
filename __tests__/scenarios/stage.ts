import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { violations } from '../report/json-schema.ts'
import { type InProcessRegistry, type RegistryOptions, startRegistry } from '../support/registry/server.ts'
import { makeRunner, type Runner, type StepEnd } from '../support/runner.ts'
import { type SampleLayer, type SampleLayout, type SampleSpec, writeSampleLayout } from '../support/sample-layout.ts'

/** A runner for one test. */
export async function runner(): Promise<Runner> {
  const made = await makeRunner()
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

/** A registry for one test. */
export async function registry(options: RegistryOptions = {}): Promise<InProcessRegistry> {
  const started = await startRegistry(options)
  onTestFinished(() => started.stop())
  return started
}

/** A registry with a token service and one user, `robot`. */
export function guardedRegistry(password: string, options: RegistryOptions = {}): Promise<InProcessRegistry> {
  return registry({ auth: { kind: 'token', users: { robot: { password } } }, ...options })
}

export function layer(name: string, content = name): SampleLayer {
  return { files: { [`app/${name}.txt`]: content } }
}

/** Two platforms that share their first layer. */
export function twoPlatforms(version = 'one'): SampleSpec {
  return {
    platforms: [
      { platform: 'linux/amd64', layers: [layer('shared'), layer('amd64', version)] },
      { platform: 'linux/arm64', layers: [layer('shared'), layer('arm64')] },
    ],
  }
}

/** Writes a sample layout into the workspace. */
export function layout(on: Runner, spec: SampleSpec = twoPlatforms(), name = 'layout'): Promise<SampleLayout> {
  return writeSampleLayout(join(on.workspace, name), spec)
}

/** Inputs that publish the layout of the workspace without a scan. */
export function unscanned(...images: readonly string[]): Record<string, string> {
  return { images: images.join('\n'), layout: 'layout', scan: 'off' }
}

/**
 * A step that went well: no error annotation, and nothing is left behind but the files of its outputs, and those that were
 * asked for by name.
 */
export function expectGreen(end: StepEnd, kept: readonly string[] = []): void {
  expect(errorsOf(end)).toEqual([])
  expect(end.main.exitCode).toBe(0)
  expect(end.main.outputs['failure-reason']).toBe('')
  expectTidy(end, kept)
}

/** A step that failed as it should: red, with one annotation that holds message and hint, and nothing left behind. */
export function expectRed(end: StepEnd, code: string, kept: readonly string[] = []): string {
  const { main } = end
  expect([main.outputs['failure-reason'], main.report?.failure?.code], main.log.text).toEqual([code, code])
  expect(main.exitCode).toBe(1)
  const errors = errorsOf(end)
  expect(errors).toHaveLength(1)
  expect(errors[0]).toContain(`(${code})`)
  expect(errors[0]).toContain(`Hint: ${main.report?.failure?.hint}`)
  if ('published' in main.outputs) expect(main.outputs['published']).toBe('false')
  expectTidy(end, kept)
  return errors[0] ?? ''
}

function schemaIn(name: string): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8'))
}

const SCHEMA = schemaIn('report.schema.json')
const MIRROR_SCHEMA = schemaIn('mirror-report.schema.json')

function expectTidy({ main, post, leftovers }: StepEnd, kept: readonly string[]): void {
  expect(violations(main.report, 'copied' in main.outputs ? MIRROR_SCHEMA : SCHEMA)).toEqual([])
  expect(JSON.parse(main.outputs['json'] ?? '')).toEqual(main.report)
  expect({ exitCode: post.exitCode, annotations: post.log.annotations }).toEqual({ exitCode: 0, annotations: [] })
  expect(
    leftovers.filter(
      (path) =>
        !kept.includes(path) && !/^temp\/lading-(?:(?:report|bake)(?:-\d+)?\.json|scan(?:-\d+)?\.sarif)$/.test(path),
    ),
  ).toEqual([])
  expect(main.signals.length).toBeLessThan(2)
}

export function errorsOf({ main }: StepEnd): readonly string[] {
  return messagesOf(main.log, 'error')
}

export function messagesOf({ annotations }: StepEnd['main']['log'], level: string): readonly string[] {
  return annotations.filter((annotation) => annotation.level === level).map(({ message }) => message)
}

/** Requests by what they do, in the order in which they came. */
export function steps(registry: InProcessRegistry): readonly string[] {
  return registry.requests.map(({ step }) => step)
}

/** How many requests of each kind. */
export function tally(registry: InProcessRegistry): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const step of steps(registry)) counts[step] = (counts[step] ?? 0) + 1
  return counts
}

/** What a tag of a repository shows. */
export function shown(registry: InProcessRegistry, repository: string, tag: string): string | undefined {
  return registry.repositories.get(repository)?.tags.get(tag)
}

/** All tags of a repository and what they show. */
export function tagsOf(registry: InProcessRegistry, repository: string): Readonly<Record<string, string>> {
  return Object.fromEntries(registry.repositories.get(repository)?.tags ?? [])
}

/** One entry of `registry-auth`. */
export function login(registry: string, password: string, more = ''): string {
  return `- registry: ${registry}\n  username: robot\n  password: ${password}\n${more}`
}
