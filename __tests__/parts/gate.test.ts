import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  need,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import { alpine, FALSE_TOKEN } from '../scan/samples.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import { type Job, reportOf, toldBy } from './job.ts'
import { askedDuring, BOTH, isWrite, jobWith, methods, write } from './stage.ts'

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

  const inputs = async (repository: string) => ({
    images: registries.map(({ host }) => `${host}/${repository}`),
    'trivy-path': await requirePart('trivy'),
    'db-repository': database.repository,
    platforms: BOTH,
  })

  test('refuses an image that is vulnerable in its second platform only, and no registry sees a byte', async () => {
    const job = await jobWith(engine)
    await system(job, { amd64: { musl: '1.1.22-r3' }, arm64: { musl: '1.1.19-r2' } })
    const { result, asked } = await askedDuring(registries, async () => job.main(await inputs('acme/refused')))
    expect(result, result.log).toMatchObject({ code: 1, annotations: [expect.stringContaining('CVE-2019-14697')] })
    expect(result.annotations).toEqual([expect.stringMatching(/^::error::.*linux\/arm64.*\(SCAN_FINDINGS\)$/)])
    expect(result.outputs).toMatchObject({
      'failure-reason': 'SCAN_FINDINGS',
      'scan-result': 'findings',
      vulnerabilities: '{"CRITICAL":1,"HIGH":0}',
      published: 'false',
      pushed: '[]',
      'image-refs': '',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    })
    expect(reportOf(result)).toMatchObject({
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
    await job.post(result)
  })

  test('passes what nobody has fixed yet when it is told to, and keeps showing it', async () => {
    const job = await jobWith(engine)
    await system(job, { amd64: { openssl: '1.1.1d-r0' }, arm64: { openssl: '1.1.1d-r0' } })
    const refused = await job.main(await inputs('acme/unfixed'))
    expect(refused.outputs['failure-reason'], refused.log).toBe('SCAN_FINDINGS')
    expect(refused.annotations[0]).toContain('ignore-unfixed')
    await job.post(refused)

    const passed = await job.main({ ...(await inputs('acme/unfixed')), 'ignore-unfixed': 'true' })
    expect(passed, passed.log).toMatchObject({ code: 0, outputs: { published: 'true', 'scan-result': 'clean' } })
    expect(reportOf(passed).scan.findings).toMatchObject([{ id: 'CVE-2021-3712', fixed: '' }])
    expect(passed.summary).toContain('CVE-2021-3712')
    await job.post(passed)
  })

  test('refuses a secret in a file that a later layer takes away, and says nowhere what it is', async () => {
    const job = await jobWith(engine)
    await write(job.workspace, {
      // A copy over a folder with an opaque marker: no program is needed to take the file away.
      Dockerfile: 'FROM scratch AS one\nCOPY env /app/.env\nFROM one\nCOPY --link=false nothing /app/.env\n',
      env: `GITHUB_TOKEN=${FALSE_TOKEN}\n`,
      nothing: '',
    })
    const { result, asked } = await askedDuring(registries, async () => job.main(await inputs('acme/leak')))
    expect(result, result.log).toMatchObject({ code: 1, outputs: { 'failure-reason': 'SCAN_FINDINGS' } })
    expect(result.annotations).toEqual([expect.stringContaining('/app/.env')])
    expect(asked.flat().filter(isWrite)).toEqual([])
    for (const piece of [FALSE_TOKEN, FALSE_TOKEN.slice(4)]) expect(toldBy(result)).not.toContain(piece)
    await job.post(result)
  })

  test('stays closed when the scanner is not there', async () => {
    const job = await jobWith(engine)
    await system(job, { amd64: {}, arm64: {} })
    const { result, asked } = await askedDuring(registries, async () =>
      job.main({ ...(await inputs('acme/unscanned')), 'trivy-path': '/nowhere/trivy' }),
    )
    expect(result, result.log).toMatchObject({ code: 1, outputs: { 'failure-reason': 'SCAN_BROKEN' } })
    expect(asked.flat().filter(isWrite)).toEqual([])
    await job.post(result)
  })
})

/** An image with an Alpine of its own for each platform. */
async function system(job: Job, packages: Readonly<Record<'amd64' | 'arm64', Record<string, string>>>): Promise<void> {
  await write(job.workspace, { Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n' })
  for (const [architecture, installed] of Object.entries(packages)) {
    const files = Object.entries(alpine(installed).files)
    await write(job.workspace, Object.fromEntries(files.map(([name, text]) => [`${architecture}/${name}`, text.toString()])))
  }
}
