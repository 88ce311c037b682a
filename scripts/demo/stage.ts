import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type InProcessRegistry, startRegistry } from '../../__tests__/support/registry/server.ts'
import { makeRunner, type Runner, SHA, type StepEnd } from '../../__tests__/support/runner.ts'
import type { StartedEngine } from '../part/index.ts'
import { type Offer, offeredEngine, offeredScanner, type Scanner } from './at-hand.ts'
import { PLATFORMS, type SampleName, writeContext, writeLayout } from './sample-image.ts'

/** All that the demonstration takes place on; gone when it is disposed of. */
export type Stage = AsyncDisposable & {
  readonly engine: Offer<StartedEngine>
  readonly scanner: Offer<Scanner>
  /** The first is open to everybody, the second asks for a token. */
  readonly registries: readonly [InProcessRegistry, InProcessRegistry]
  /** What the step is given below `with:`. */
  inputs(image: SampleName): Readonly<Record<string, string>>
  /** Runs the bundle as a runner does for a push of that git tag: main, then post. */
  step(image: SampleName, gitTag: string): Promise<StepEnd>
}

export const REPOSITORY = 'acme/api'

const USERNAME = 'octocat'

export async function openStage(): Promise<Stage> {
  await using opening = new AsyncDisposableStack()
  const runner = opening.use(await makeRunner())
  const password = randomBytes(12).toString('hex')
  const open = opening.use(await startRegistry())
  const guarded = opening.use(await startRegistry({ auth: { kind: 'token', users: { [USERNAME]: { password } } } }))
  const engine = await offeredEngine()
  opening.defer(() => engine.value?.stop())
  const scanner = await offeredScanner()
  opening.defer(() => scanner.value?.stop())
  await writeImages(runner, engine.value === undefined ? writeLayout : writeContext)

  const origin = (image: SampleName) =>
    engine.value === undefined
      ? { layout: image }
      : { context: image, platforms: PLATFORMS.join(','), provenance: 'false' }
  const inputs = (image: SampleName) => ({
    images: `${open.host}/${REPOSITORY}\n${guarded.host}/${REPOSITORY}`,
    'registry-auth': `- registry: ${guarded.host}\n  username: ${USERNAME}\n  password: ${password}`,
    ...origin(image),
    ...gateInputs(scanner.value),
  })
  const stack = opening.move()
  return {
    engine,
    scanner,
    registries: [open, guarded],
    inputs: (image) => ({ ...inputs(image), 'registry-auth': inputs(image)['registry-auth'].replace(password, '***') }),
    step: (image, gitTag) =>
      runner.step({ inputs: inputs(image), event: pushOf(gitTag), env: programsOf(engine.value, runner) }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function writeImages(runner: Runner, write: (folder: string, name: SampleName) => Promise<void>): Promise<void> {
  for (const name of ['good', 'vulnerable'] as const) await write(join(runner.workspace, name), name)
}

function gateInputs(scanner: Scanner | undefined): Readonly<Record<string, string>> {
  return scanner === undefined
    ? { scan: 'off' }
    : { 'trivy-path': scanner.trivyPath, 'db-repository': scanner.repository }
}

/** The commit and its time are part of the image's labels: the same push gives the same image. */
function pushOf(gitTag: string) {
  const repository = { name: 'api', full_name: REPOSITORY, default_branch: 'main' }
  const payload = { repository, head_commit: { id: SHA, timestamp: '2026-01-01T00:00:00Z' } }
  return { ref: `refs/tags/${gitTag}`, payload }
}

function programsOf(engine: StartedEngine | undefined, runner: Runner): Readonly<Record<string, string>> {
  return engine === undefined ? {} : { ...engine.env, PATH: `${engine.path}:${runner.bin}:/usr/bin:/bin` }
}
