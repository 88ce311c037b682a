import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, requirePart } from '../../scripts/part/index.ts'
import { type Exception, type Gate, SCANNERS, type Scope, SEVERITIES } from '../../src/plan/request.ts'
import { scanImage } from '../../src/scan/scan.ts'
import { scanReport } from '../../src/scan/scan-report.ts'
import { judge } from '../../src/scan/verdict.ts'
import { databaseFor } from '../scan/databases.ts'
import { FALSE_TOKEN, INNER_COMMAND, sample } from '../scan/samples.ts'
import { failure, GATE, SCOPE, temporary, world } from '../scan/world.ts'
import { type InProcessRegistry, startRegistry } from '../support/registry/server.ts'
import { type SampleLayer, type SamplePlatform, writeSampleLayout } from '../support/sample-layout.ts'
import { type DatabaseServer, emptyDatabase, putDatabase, serveDatabase } from '../support/trivy-database.ts'

const ALPINE_GPL: SampleLayer['files'] = {
  'etc/os-release': 'ID=alpine\nVERSION_ID=3.10.2\n',
  'etc/alpine-release': '3.10.2\n',
  'lib/apk/db/installed': 'P:readline\nV:8.0.0-r0\nA:x86_64\nL:GPL-3.0-or-later\no:readline\n\n',
}
const DOCKERFILE = 'FROM alpine:3.10\nRUN apk add curl\n'

const ready = await need(['trivy', 'trivy-db'])

describe.skipIf(!ready)('what the real Trivy looks at', () => {
  let database: DatabaseServer
  let trivyPath: string

  beforeAll(async () => {
    trivyPath = await requirePart('trivy')
    database = await serveDatabase(new Date('2026-11-21T10:00:00Z'))
  })
  afterAll(() => database.stop())

  async function look(platforms: readonly SamplePlatform[], scope: Partial<Scope> = {}, change: Partial<Gate> = {}) {
    const layout = await writeSampleLayout(await temporary(), { platforms })
    const databases = [database.repository]
    const gate: Gate = { ...GATE, databases, ...change, scope: { ...SCOPE, ...scope } }
    const edges = await world()
    const scanner = { program: trivyPath, version: '0.74.0', from: 'trivy-path', sha256: '' }
    const request = { layoutDirectory: layout.directory, platforms: layout.platforms, gate, scanner }
    const needed = gate.scope.scanners.vuln === undefined ? {} : { database: await databaseFor(gate, scanner, edges) }
    const scan = await scanImage({ ...request, ...needed }, edges)
    const verdict = judge(layout.root, scan, gate)
    return { scan, verdict, report: scanReport(scan, verdict), edges }
  }

  describe('with a database that is valid and knows nothing', () => {
    let empty: InProcessRegistry

    beforeAll(async () => {
      empty = await startRegistry()
      putDatabase(empty, emptyDatabase(new Date('2026-11-21T10:00:00Z')))
    })
    afterAll(() => empty.stop())

    test('goes on to the next one', async () => {
      const databases = [`${empty.host}/trivy-db`, database.repository]
      const { scan, verdict, edges } = await look([sample('vulnerable')], {}, { databases })
      expect(scan.database?.source).toBe(`${database.repository}:2`)
      expect(verdict.pass).toBe(false)
      expect(edges.said.join('\n')).toContain('it finds nothing in packages that have been known to be vulnerable')
    })

    test('calls nothing clean', async () => {
      const databases = [`${empty.host}/trivy-db`]
      expect(await failure(look([sample('clean')], {}, { databases }))).toMatchObject({
        code: 'SCAN_DATABASE',
        message: expect.stringContaining('it finds nothing'),
      })
    })
  })

  describe('exceptions', () => {
    test('hide what they name while they hold, and it stays listed with the reason', async () => {
      const known = exception({
        id: 'CVE-2019-14697',
        expires: '2026-12-31T00:00:00.000Z',
        statement: 'no floats here',
      })
      const { verdict, report, edges } = await look([sample('vulnerable')], { exceptions: [known] })
      expect(verdict.pass).toBe(true)
      expect(report).toMatchObject({ result: 'clean', total: { CRITICAL: 0 }, scope: { expired: [] } })
      const reason = 'no floats here (.trivyignore, line 1, until 2026-12-31)'
      expect(report.findings).toMatchObject([{ id: 'CVE-2019-14697', fixed: '1.1.22-r3', ignored: true, reason }])
      expect(edges.said).toContain('linux/amd64: clean, 1 accepted by exceptions')
    })

    test('hide nothing when they have expired, and that is said', async () => {
      const old = exception({ id: 'CVE-2019-14697', expires: '2026-11-21T00:00:00.000Z' })
      const { verdict, report, edges } = await look([sample('vulnerable')], { exceptions: [old] })
      expect(verdict).toMatchObject({ pass: false, blocking: [{ id: 'CVE-2019-14697' }] })
      expect(report.scope?.expired).toEqual([
        { id: 'CVE-2019-14697', origin: '.trivyignore, line 1', expired: '2026-11-21T00:00:00.000Z' },
      ])
      expect(edges.said.join('\n')).toContain('CVE-2019-14697 (.trivyignore, line 1) expired on 2026-11-21')
    })

    test('hide a secret of one file, and say nowhere what it is', async () => {
      const { verdict, report } = await look([sample('deleted-secret')], {
        exceptions: [exception({ about: ['secret'], id: 'github-pat', paths: ['/app/*'] })],
      })
      expect(verdict.pass).toBe(true)
      expect(report.findings).toMatchObject([{ id: 'github-pat', subject: '/app/.env:1', ignored: true }])
      expect(JSON.stringify(report)).not.toContain(FALSE_TOKEN.slice(4))
    })

    test.each<[string, Partial<Exception>]>([
      ['another kind', { about: ['secret'], id: 'CVE-2019-14697' }],
      ['another package', { about: ['vuln'], id: 'CVE-2019-14697', purls: ['pkg:apk/alpine/openssl'] }],
      ['another file', { about: ['vuln'], id: 'CVE-2019-14697', paths: ['opt/*'] }],
    ])('for %s hide nothing', async (_name, changes) => {
      const { verdict } = await look([sample('vulnerable')], { exceptions: [exception(changes)] })
      expect(verdict.pass).toBe(false)
    })
  })

  describe('secrets', () => {
    const clean = { files: { 'app/hello': 'hello, this is all there is\n' } }
    const inHistory = { createdBy: `RUN curl -H "Authorization: ${FALSE_TOKEN}" https://example.com` }
    const oldStyle = { createdBy: '/bin/sh -c #(nop)  CMD ["dev"]', empty: true }

    test.each<[string, SamplePlatform, string]>([
      ['a layer below an inner CMD', INNER_COMMAND, '/app/.env'],
      [
        'the same of an old builder',
        { ...INNER_COMMAND, history: [{ createdBy: 'COPY' }, oldStyle, { createdBy: 'COPY' }] },
        '/app/.env',
      ],
      [
        'a file below an inner CMD that a later layer takes away',
        { ...INNER_COMMAND, layers: [INNER_COMMAND.layers[0] ?? clean, { files: {}, deleted: ['app/.env'] }] },
        '/app/.env',
      ],
      ['ENV', sample('secret-in-env'), 'image configuration'],
      [
        'ENV beside an inner CMD',
        { ...INNER_COMMAND, layers: [clean, clean], env: [`GH_TOKEN=${FALSE_TOKEN}`] },
        'image configuration',
      ],
      ['the history', { platform: 'linux/amd64', layers: [clean], history: [inHistory] }, 'image configuration'],
      [
        'an inner CMD itself',
        {
          platform: 'linux/amd64',
          layers: [clean, clean],
          history: [
            { createdBy: 'COPY' },
            { createdBy: `CMD ["dev", "${FALSE_TOKEN}"]`, empty: true },
            { createdBy: 'COPY' },
          ],
        },
        'image configuration',
      ],
    ])('are found in %s', async (_name, platform, file) => {
      const { verdict, report, scan } = await look([platform])
      expect(verdict).toMatchObject({ pass: false, blocking: [{ kind: 'secret', id: 'github-pat', file }] })
      expect(scan.platforms[0]?.imageId).toBe(scan.asked[0]?.config.digest)
      expect(JSON.stringify(report)).not.toContain(FALSE_TOKEN.slice(4))
    })

    test('are found in the second platform too, whose layer is the first one’s base', async () => {
      const own = { platform: 'linux/arm64', layers: INNER_COMMAND.layers.slice(0, 1) }
      for (const both of [
        [INNER_COMMAND, own],
        [own, { ...INNER_COMMAND, platform: 'linux/arm64' }],
      ]) {
        const { scan } = await look(both)
        expect(scan.platforms.map(({ findings }) => findings.length)).toEqual([1, 1])
      }
    })

    test('would be missed below an inner CMD without the copy of the configuration', async () => {
      // What the remedy is for: should Trivy change its mind, this says so.
      const layout = await writeSampleLayout(await temporary(), { platforms: [INNER_COMMAND] })
      const directory = dirname(layout.directory)
      const args = [
        'image',
        '--input',
        basename(layout.directory),
        '--scanners',
        'secret',
        '--format',
        'json',
        '--quiet',
      ]
      const env = { HOME: await temporary(), TMPDIR: await temporary() }
      const more = ['--cache-dir', env.HOME, '--cache-backend', 'memory', '--disable-telemetry', '--skip-version-check']
      const ended = await (await world()).exec({ program: trivyPath, args: [...args, ...more], env, directory })
      expect(ended).toMatchObject({ kind: 'exited', code: 0 })
      expect(JSON.stringify(ended)).not.toContain('github-pat')
    })
  })

  test('packages of one kind only, when it is told to, and says so', async () => {
    const { verdict, report } = await look([sample('vulnerable')], { packageTypes: ['library'] })
    expect(verdict.pass).toBe(true)
    expect(report.scope?.packageTypes).toEqual(['library'])
    expect((await look([sample('vulnerable')], { packageTypes: ['os'] })).verdict.pass).toBe(false)
  })

  test.each<[string, Partial<Scope>]>([
    ['folders', { skipDirectories: ['app'] }],
    ['folders by a glob', { skipDirectories: ['{opt,app}'] }],
    ['files', { skipFiles: ['**/.env'] }],
  ])('no %s that it is told to skip, and says so', async (_name, scope) => {
    // With an entry for the folder, as layers of builds have it: Trivy goes by that.
    const layers = [{ files: { 'app/': '', 'app/.env': `GITHUB_TOKEN=${FALSE_TOKEN}\n` } }]
    const image = [{ platform: 'linux/amd64', layers }]
    expect((await look(image)).verdict.pass).toBe(false)
    const { verdict, report } = await look(image, scope)
    expect(verdict.pass).toBe(true)
    expect(report.scope?.skipped).toHaveLength(1)
  })

  test('takes what a VEX document calls not affected out of the count, and lists it', async () => {
    const path = join(await temporary(), 'a,b.json')
    await writeFile(path, JSON.stringify(OPENVEX))
    const { verdict, report } = await look([sample('vulnerable')], { vex: [path] })
    expect(verdict.pass).toBe(true)
    expect(report).toMatchObject({
      scope: { vexDocuments: 1 },
      findings: [{ ignored: true, reason: 'not_affected: vulnerable_code_not_in_execute_path (VEX)' }],
    })
  })

  test('obeys the settings of a trivy.yaml, and names them', async () => {
    const rules = join(await temporary(), 'rules.yaml')
    await writeFile(rules, 'disable-rules: [github-pat]\n')
    const values = { 'vulnerability.ignore-status': ['affected'], 'secret.config': rules }
    const settings = { file: 'trivy.yaml', values }
    const both = [sample('unfixed'), sample('deleted-secret', 'linux/arm64')]
    expect((await look(both)).report.total).toEqual({ CRITICAL: 1, HIGH: 1 })
    const { verdict, report } = await look(both, { settings })
    expect(verdict.pass).toBe(true)
    expect(report.scope?.settings).toEqual(['vulnerability.ignore-status', 'secret.config'])
  })

  describe('misconfigurations and licenses', () => {
    const image = [{ platform: 'linux/amd64', layers: [{ files: { ...ALPINE_GPL, 'app/Dockerfile': DOCKERFILE } }] }]

    test('are reported and stop nothing', async () => {
      const { verdict, report, edges } = await look(image, { scanners: { misconfig: 'report', license: 'report' } })
      expect(verdict).toMatchObject({ pass: true, image: { decision: 'passed' } })
      expect(report).toMatchObject({ result: 'clean', total: { CRITICAL: 0, HIGH: 0 } })
      const kinds = report.findings.map(({ kind, ignored, reason }) => [kind, ignored, reason].join(' '))
      expect(new Set(kinds)).toEqual(new Set(['misconfiguration true only reported', 'license true only reported']))
      expect(edges.said.join('\n')).toMatch(/linux\/amd64: clean, \d only reported/)
    })

    test.each(['misconfig', 'license'] as const)('stop the publish when %s is asked to', async (scanner) => {
      const { verdict } = await look(image, { scanners: { [scanner]: 'gate' } })
      expect(verdict.pass).toBe(false)
    })

    test('need no database, and neither do secrets', async () => {
      const { scan, verdict } = await look(
        [sample('deleted-secret')],
        { scanners: { secret: 'gate' } },
        { databases: ['127.0.0.1:1/x'] },
      )
      expect(scan.database).toBeUndefined()
      expect(verdict.pass).toBe(false)
    })
  })

  test('licenses of every level, when they are asked for', async () => {
    const severities = SEVERITIES
    const { report } = await look([sample('clean')], { scanners: { license: 'report' } }, { severities })
    expect(report.findings).toMatchObject([{ kind: 'license', id: 'MIT', subject: 'musl', title: 'notice' }])
  })
})

const OPENVEX = {
  '@context': 'https://openvex.dev/ns/v0.2.0',
  '@id': 'https://example.com/vex-1',
  author: 'acme',
  timestamp: '2026-01-01T00:00:00Z',
  version: 1,
  statements: [
    {
      vulnerability: { name: 'CVE-2019-14697' },
      products: [{ '@id': 'pkg:apk/alpine/musl' }],
      status: 'not_affected',
      justification: 'vulnerable_code_not_in_execute_path',
    },
  ],
}

function exception(changes: Partial<Exception>): Exception {
  const empty = { id: '', paths: [], purls: [], statement: '', expires: '' }
  return { about: SCANNERS, ...empty, origin: '.trivyignore, line 1', ...changes }
}
