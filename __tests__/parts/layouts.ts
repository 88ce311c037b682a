import { onTestFinished } from 'vitest'
import { requirePart, type StartedRegistry } from '../../scripts/part/index.ts'
import { makeRunner, type StepEnd } from '../support/runner.ts'
import { type SamplePlatform, type SampleSpec, writeSampleLayout } from '../support/sample-layout.ts'
import type { DatabaseServer } from '../support/trivy-database.ts'

export type Places = { readonly registry: StartedRegistry; readonly database: DatabaseServer }

export type LayoutStep = {
  readonly repository: string
  readonly platforms: readonly SamplePlatform[]
  readonly spec?: Omit<SampleSpec, 'platforms'>
  readonly inputs?: Readonly<Record<string, string>>
}

/** Publishes a sample as a layout, scanned by the real Trivy, to `next` of a repository. */
export async function publishLayout(
  { registry, database }: Places,
  { repository, platforms, spec = {}, inputs = {} }: LayoutStep,
): Promise<StepEnd> {
  const runner = await makeRunner()
  onTestFinished(() => runner[Symbol.asyncDispose]())
  const layout = `${runner.temp}/layout-in`
  await writeSampleLayout(layout, { ...spec, platforms })
  const own = { 'trivy-path': await requirePart('trivy'), 'db-repository': database.repository, 'scan-cache': 'false' }
  const asked = { images: `${registry.host}/${repository}`, tags: 'next', layout, ...own, ...inputs }
  return runner.step({ inputs: asked, env: { PATH: '/usr/bin:/bin' } })
}
