import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  need,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import { alpine, FALSE_TOKEN, sample } from '../scan/samples.ts'
import { writeFiles } from '../support/runner/files.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import {
  askedDuring,
  BOTH,
  expectGreen,
  expectRed,
  isWrite,
  type Machine,
  machineWith,
  methods,
  toldBy,
} from './stage.ts'

const ready = await need(['engine', 'buildx', 'registry2', 'registry3', 'trivy', 'trivy-db'])

describe.skipIf(!ready)('the gate between a real build and two real registries', () => {
  let engine: StartedEngine
  let registries: readonly StartedRegistry[]
  let database: DatabaseServer

  beforeAll(async () => {
    engine = await startEngine('containerd')
    registries = await Promise.all([startRegistry(2), startRegistry(3)])
    database = await serveDatabase()
  })

  afterAll(async () => {
    await Promise.all([engine, database, ...(registries ?? [])].map((part) => part?.stop()))
  })

  const gated = async (repository: string) => ({
    images: registries.map(({ host }) => `${host}/${repository}`),
    'trivy-path': await requirePart('trivy'),
    'db-repository': database.repository,
  })

  test('refuses an image that is vulnerable in its second platform only, and no registry sees a byte', async () => {
    const machine = await machineWith(engine)
    await writeSystems(machine, { amd64: { musl: '1.1.22-r3' }, arm64: { musl: '1.1.19-r2' } })
    const inputs = { ...(await gated('acme/refused')), platforms: BOTH }
    const { result, asked } = await askedDuring(registries, () => machine.publish(inputs))
    const alarm = expectRed(result, 'SCAN_FINDINGS')
    expect(alarm).toMatch(/CVE-2019-14697.*linux\/arm64/)
    expect(alarm).not.toContain('linux/amd64')
    expect(result.main.outputs).toMatchObject({
      'scan-result': 'findings',
      vulnerabilities: '{"CRITICAL":1,"HIGH":0}',
      pushed: '[]',
      'image-refs': '',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    })
    expect(result.main.report).toMatchObject({
      result: 'refused',
      references: Array(6).fill({ outcome: 'refused', before: null, digest: null }),
      scan: { decision: 'refused', platforms: [{ counts: { CRITICAL: 0 } }, { counts: { CRITICAL: 1 } }] },
    })
    for (const lines of asked) {
      expect(lines.filter(isWrite)).toEqual([])
      // What was opened to ask for rights is closed again.
      expect(methods(lines)).toEqual(['DELETE', 'HEAD', 'POST'])
      expect(lines.filter(({ method }) => method === 'POST')).toHaveLength(1)
    }
  })

  test('passes what nobody has fixed yet when it is told to, and keeps showing it', async () => {
    const machine = await machineWith(engine)
    await writeSystems(machine, { amd64: { openssl: '1.1.1d-r0' }, arm64: { openssl: '1.1.1d-r0' } })
    const inputs = { ...(await gated('acme/unfixed')), platforms: BOTH }
    expect(expectRed(await machine.publish(inputs), 'SCAN_FINDINGS')).toContain('ignore-unfixed')

    const passed = await machine.publish({ ...inputs, 'ignore-unfixed': 'true' })
    expectGreen(passed)
    expect(passed.main.outputs).toMatchObject({ published: 'true', 'scan-result': 'clean' })
    expect(passed.main.report?.scan.findings).toMatchObject([{ id: 'CVE-2021-3712', fixed: '' }])
    expect(passed.main.summary).toContain('CVE-2021-3712')
  })

  test('refuses a secret in a file that a later layer takes away, and says nowhere what it is', async () => {
    const machine = await machineWith(engine)
    // A layout, because taking a file away in a build needs a shell in the base.
    const layout = `${machine.workspace}/finished`
    await writeSampleLayout(layout, { platforms: [sample('clean'), sample('deleted-secret', 'linux/arm64')] })
    const inputs = { ...(await gated('acme/leak')), layout }
    const { result, asked } = await askedDuring(registries, () => machine.publish(inputs))
    expect(expectRed(result, 'SCAN_FINDINGS')).toContain('/app/.env')
    expect(asked.flat().filter(isWrite)).toEqual([])
    for (const piece of [FALSE_TOKEN, FALSE_TOKEN.slice(4), FALSE_TOKEN.slice(-8)])
      expect(toldBy(result)).not.toContain(piece)
  })

  test('refuses when an exception has expired, passes while it holds, and shows both', async () => {
    const machine = await machineWith(engine)
    await writeSystems(machine, { amd64: { musl: '1.1.19-r2' }, arm64: { musl: '1.1.22-r3' } })
    await writeFiles(machine.workspace, {
      old: 'CVE-2019-14697 exp:2020-01-31\n',
      'good.yaml': 'vulnerabilities:\n  - id: CVE-2019-14697\n    statement: no floats\n',
    })
    const inputs = { ...(await gated('acme/accepted')), platforms: BOTH, 'existing-tag': 'overwrite' }
    const { result, asked } = await askedDuring(registries, () => machine.publish({ ...inputs, trivyignores: 'old' }))
    expectRed(result, 'SCAN_FINDINGS')
    expect(asked.flat().filter(isWrite)).toEqual([])
    expect(result.main.summary).toMatch(/\*\*1 exception expired\*\*[\s\S]*CVE-2019-14697/)

    const passed = await machine.publish({ ...inputs, trivyignores: 'good.yaml' })
    expectGreen(passed)
    const reason = 'no floats (good.yaml, line 2)'
    expect(passed.main.report?.scan.findings).toMatchObject([{ id: 'CVE-2019-14697', ignored: true, reason }])
  })

  test('stays closed when the scanner is not there', async () => {
    const machine = await machineWith(engine)
    await writeSystems(machine, { amd64: {}, arm64: {} })
    const inputs = { ...(await gated('acme/unscanned')), 'trivy-path': '/nowhere/trivy' }
    const { result, asked } = await askedDuring(registries, () => machine.publish(inputs))
    expectRed(result, 'SCAN_BROKEN')
    expect(asked.flat().filter(isWrite)).toEqual([])
  })
})

type Packages = Readonly<Record<string, string>>

/** An application with an Alpine of its own for each platform. */
async function writeSystems(machine: Machine, packages: Readonly<Record<'amd64' | 'arm64', Packages>>): Promise<void> {
  await writeFiles(machine.workspace, { Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n' })
  for (const [architecture, installed] of Object.entries(packages)) {
    const files = Object.entries(alpine(installed).files).map(([name, text]) => [name, text.toString()])
    await writeFiles(`${machine.workspace}/${architecture}`, Object.fromEntries(files))
  }
}
