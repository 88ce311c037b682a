import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, requirePart, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { type SampleName, sample } from '../scan/samples.ts'
import { temporary } from '../scan/world.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import {
  askedDuring,
  craneAs,
  expectGreen,
  expectRed,
  isWrite,
  machineWith,
  methods,
  sentBlobs,
  sentManifests,
} from './stage.ts'

const ready = await need(['registry2', 'registry3', 'trivy', 'trivy-db', 'crane'])

describe.skipIf(!ready)('promoting between real registries, with the real scanner', () => {
  let two: StartedRegistry
  let three: StartedRegistry
  let database: DatabaseServer
  const crane = craneAs()

  beforeAll(async () => {
    two = await startRegistry(2)
    three = await startRegistry(3)
    database = await serveDatabase()
  })

  afterAll(async () => {
    await Promise.all([two, three, database].map((part) => part?.stop()))
  })

  /** A candidate of both platforms in the newer registry, pushed by somebody else's tool. */
  async function candidate(name: SampleName, repository: string) {
    const directory = await temporary()
    const platforms = [sample(name, 'linux/amd64'), sample(name, 'linux/arm64')]
    await writeSampleLayout(directory, { platforms, attestations: true })
    const from = `${three.host}/${repository}/staging:rc`
    await crane('push', '--index', directory, from)
    const images = [`${three.host}/${repository}/api`, `${two.host}/${repository}/api`]
    const scanner = { 'trivy-path': await requirePart('trivy'), 'db-repository': database.repository }
    return {
      digest: await crane('digest', from),
      from,
      images,
      inputs: { from, images, tags: 'version,latest', ...scanner },
    }
  }

  const promoting = { action: 'promote' } as const
  const bare = { path: '', env: {} }

  test('the digest that was scanned is what every name shows, and a second time is HEADs alone', async () => {
    const machine = await machineWith(bare)
    const { digest, images, inputs } = await candidate('clean', 'good')
    const { result, asked } = await askedDuring([three], () => machine.publish(inputs, promoting))
    expectGreen(result)
    expect(result.main.report).toMatchObject({ mode: 'promote', digest, scan: { result: 'clean', decision: 'passed' } })
    for (const image of images) {
      for (const tag of ['1.4.2', 'latest']) expect(await crane('digest', `${image}:${tag}`)).toBe(digest)
      // Reads all of it, attestations too, and checks each digest.
      await crane('pull', '--format=oci', `${image}:1.4.2`, await temporary())
    }
    // Within the registry everything is mounted.
    expect(sentBlobs(asked[0] ?? [])).toEqual([])
    const again = await askedDuring([two, three], () => machine.publish(inputs, promoting))
    expectGreen(again.result)
    expect(again.result.main.report?.result).toBe('unchanged')
    expect(again.asked.map((lines) => [methods(lines), lines.length])).toEqual([
      [['HEAD'], 2],
      [['HEAD'], 3],
    ])
  })

  test('what has findings today stays a candidate, and goes only where somebody says so', async () => {
    const machine = await machineWith(bare)
    const { digest, images, inputs } = await candidate('vulnerable', 'bad')
    const refused = await askedDuring([two, three], () => machine.publish(inputs, promoting))
    expect(expectRed(refused.result, 'SCAN_FINDINGS')).toContain('CVE-')
    for (const lines of refused.asked) expect(lines.filter(isWrite)).toEqual([])
    const allowed = await askedDuring([two], () => machine.publish({ ...inputs, scan: 'report' }, promoting))
    expectGreen(allowed.result)
    expect(await crane('digest', `${images[1]}:latest`)).toBe(digest)
    expect(sentManifests(allowed.asked[0] ?? [])).toContain('latest')
  })
})
