import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import type { Gate } from '../../src/plan/request.ts'
import { type ScanRequest, scanImage } from '../../src/scan/scan.ts'
import { type SampleLayout, type SamplePlatform, writeSampleLayout } from '../support/sample-layout.ts'
import { preparedDatabase } from './databases.ts'
import { sample } from './samples.ts'
import { answers, type FakeTrivy, failure, fakeTrivy, GATE, scannerIn, temporary, type World, world } from './world.ts'

const CVE = { VulnerabilityID: 'CVE-1', PkgName: 'p', InstalledVersion: '1', Severity: 'HIGH', Status: 'fixed' }
const FOUND = [{ Target: 't', Class: 'os-pkgs', Vulnerabilities: [CVE] }]

type Changes = Partial<ScanRequest> & { readonly world?: World }

async function scanWith(fake: FakeTrivy, changes: Changes = {}) {
  const layout = await twoPlatforms()
  const scanner = scannerIn(await fakeTrivy(fake))
  const edges = changes.world ?? (await world())
  const request = {
    layoutDirectory: layout.directory,
    platforms: layout.platforms,
    gate: GATE,
    scanner,
    database: await preparedDatabase(),
  }
  return { scan: scanImage({ ...request, ...changes }, edges), edges, layout }
}

async function twoPlatforms(): Promise<SampleLayout> {
  const platforms = [sample('clean', 'linux/amd64'), sample('vulnerable', 'linux/arm64')]
  return writeSampleLayout(await temporary(), { platforms, attestations: true })
}

/** A fake scan that does something else for the second platform. */
function second(body: string): string {
  return `if (option('--input') === 'linux-arm64') { ${body} } else { ${answers([], 0)} }`
}

describe('scanImage', () => {
  test('scans each platform by itself and tells what was found where', async () => {
    const { scan, edges, layout } = await scanWith({ scan: second(answers(FOUND, 10)) })
    expect(await scan).toMatchObject({
      scanner: { version: '0.74.0', from: 'trivy-path' },
      database: { source: 'registry.example/db:2', ageHours: 3 },
      asked: layout.platforms,
      platforms: [
        { platform: 'linux/amd64', findings: [] },
        { platform: 'linux/arm64', findings: [{ id: 'CVE-1' }], imageId: layout.platforms[1]?.config.digest },
      ],
      rule: { severities: ['HIGH', 'CRITICAL'], ignoreUnfixed: false },
    })
    expect(edges.said).toContain('linux/amd64: clean')
    expect(edges.said).toContain('linux/arm64: 1 HIGH')
  })

  test('leaves nothing behind, whether it worked or not', async () => {
    for (const body of [answers([], 0), 'process.exit(1)']) {
      const { scan, edges } = await scanWith({ scan: body })
      await scan.catch(() => undefined)
      expect(await readdir(edges.scratch.directory)).toEqual([])
    }
  })

  test('gives the scanner an empty folder and an environment of two folders of its own', async () => {
    const notes = join(await temporary(), 'notes.json')
    const note = `fs.writeFileSync(${JSON.stringify(notes)}, JSON.stringify({ env: process.env, files: fs.readdirSync('.') }));`
    const { scan, edges } = await scanWith(
      { scan: `${note} ${answers([], 0)}` },
      { platforms: (await twoPlatforms()).platforms.slice(0, 1) },
    )
    await scan
    const { env, files } = JSON.parse(await readFile(notes, 'utf8'))
    expect(files).toEqual(['linux-amd64'])
    expect(Object.keys(env).sort()).toEqual(['HOME', 'TMPDIR'])
    expect(Object.values(env).every((value) => String(value).startsWith(edges.scratch.directory))).toBe(true)
    for (const command of edges.commands) expect(Object.keys(command.env)).toEqual(['HOME', 'TMPDIR'])
  })

  test('scans with the database that was prepared, and leaves it where it is', async () => {
    const directory = await temporary()
    await mkdir(join(directory, 'db'))
    await writeFile(join(directory, 'db', 'trivy.db'), 'advisories')
    const scan = `if (!fs.existsSync(option('--cache-dir') + '/db/trivy.db')) process.exit(1); ${answers([], 0)}`
    await (await scanWith({ scan }, { database: await preparedDatabase({ directory }) })).scan
    expect(await readdir(join(directory, 'db'))).toEqual(['trivy.db'])
  })

  describe('keeps what it learns of layers', () => {
    const shared = { files: { a: 'what both of them have' } }
    const image = (platform: string, own: string) => ({ platform, layers: [shared, { files: { own } }] })
    const backends = async (platforms: readonly SamplePlatform[], gate: Gate = GATE) => {
      const layout = await writeSampleLayout(await temporary(), { platforms })
      const directory = join(await temporary(), 'cache')
      const database = await preparedDatabase({ directory })
      const request = { layoutDirectory: layout.directory, platforms: layout.platforms, gate, database }
      const keep = `fs.writeFileSync(option('--cache-dir') + '/learned', '')`
      const { scan, edges } = await scanWith({ scan: `${keep}; ${answers([], 0)}` }, request)
      await scan
      const scans = edges.commands.filter(({ args }) => args.includes('--input'))
      return {
        backends: scans.map(({ args }) => args[args.indexOf('--cache-backend') + 1]),
        cache: (await readdir(directory).catch(() => [])).sort(),
        left: await readdir(edges.scratch.directory),
      }
    }

    test('where platforms have one in common, and never beyond the scan', async () => {
      const seen = await backends([image('linux/amd64', 'x'), image('linux/arm64', 'y')])
      expect(seen).toEqual({ backends: ['fs', 'fs'], cache: ['db', 'java-db'], left: [] })
    })

    test('not where they have none in common', async () => {
      const other = { platform: 'linux/arm64', layers: [{ files: { own: 'z' } }] }
      expect((await backends([image('linux/amd64', 'x'), other])).backends).toEqual(['memory', 'memory'])
    })

    test('not for one platform, even if it has a layer twice', async () => {
      const twice = { platform: 'linux/amd64', layers: [shared, shared] }
      expect((await backends([twice])).backends).toEqual(['memory'])
    })

    test('not where the history is searched for packages, which goes by the system that was just seen', async () => {
      const settings = { file: 'trivy.yaml', values: { 'image.removed-pkgs': true } }
      const gate = { ...GATE, scope: { ...GATE.scope, settings } }
      const both = [image('linux/amd64', 'x'), image('linux/arm64', 'y')]
      expect((await backends(both, gate)).backends).toEqual(['memory', 'memory'])
    })
  })

  test('says that a system gets no updates any more', async () => {
    const body = answers([], 0).replace(
      'Metadata: {',
      `Metadata: { OS: { Family: 'alpine', Name: '3.10', EOSL: true },`,
    )
    const { scan, edges } = await scanWith({ scan: body })
    await scan
    expect(edges.said.join('\n')).toContain('linux/amd64: alpine 3.10 gets no security updates')
  })

  test('does not say clean about findings that the gate lets pass, in more levels than one', async () => {
    const unfixed = [{ Target: 't', Vulnerabilities: [{ ...CVE, Status: 'affected' }] }]
    const { scan, edges } = await scanWith({ scan: answers(unfixed, 10) }, { gate: { ...GATE, ignoreUnfixed: true } })
    expect((await scan).platforms[0]?.findings).toHaveLength(1)
    expect(edges.said).toContain('linux/amd64: clean, 1 without a fix let pass')
  })
})

describe('scanImage and the Java database', () => {
  /** As Trivy ends when an image has a jar, and nothing that names it. */
  const jars = `
    if (!fs.existsSync(option('--cache-dir') + '/java-db')) {
      console.error("FATAL\\tFatal error\\t…: Java DB update failed: '--skip-java-db-update' cannot be specified on the first run")
      process.exit(1)
    }
    ${answers([], 0)}`

  async function withJava(fake: FakeTrivy, addJava: (directory: string) => Promise<unknown>) {
    const directory = await temporary()
    let asked = 0
    const database = await preparedDatabase({
      directory,
      async addJava() {
        asked += 1
        await addJava(directory)
      },
    })
    return { ...(await scanWith(fake, { database })), asked: () => asked }
  }

  test('asks for it when a jar needs it, scans that platform again, and asks once for all of them', async () => {
    const { scan, edges, asked } = await withJava({ scan: jars }, (directory) => mkdir(join(directory, 'java-db')))
    expect((await scan).platforms).toHaveLength(2)
    expect(asked()).toBe(1)
    expect(edges.commands).toHaveLength(3)
  })

  test('does not ask for it without a jar', async () => {
    const { scan, asked } = await withJava({}, async () => undefined)
    await scan
    expect(asked()).toBe(0)
  })

  test('fails with why there is none', async () => {
    const none = new LadingError('SCAN_DATABASE', 'fetching the Java database: no repository gave it')
    const { scan } = await withJava({ scan: jars }, () => Promise.reject(none))
    expect(await failure(scan)).toMatchObject({ code: 'SCAN_DATABASE', message: none.message })
  })

  test('is broken, and does not ask for ever, when it is there and wanted all the same', async () => {
    const { scan, asked } = await withJava({ scan: jars }, async () => undefined)
    expect((await failure(scan)).code).toBe('SCAN_BROKEN')
    expect(asked()).toBe(1)
  })
})

describe('scanImage takes for broken, never for clean', () => {
  test.each([
    ['a scanner that fails', 'process.exit(1)', 'exit code 1'],
    ['a scanner that panics', `console.error('panic: oh'); process.exit(2)`, 'panic: oh'],
    ['a scanner that is killed', `process.kill(process.pid, 'SIGKILL')`, 'exit code'],
    ['a scanner that says it is done and writes nothing', 'process.exit(0)', 'left no report'],
    ['a scanner that says it found something and writes nothing', 'process.exit(10)', 'left no report'],
    ['nonsense', `fs.writeFileSync(option('--output'), 'nonsense')`, 'not JSON'],
    ['half a report', `fs.writeFileSync(option('--output'), '{"SchemaVersion":2')`, 'not JSON'],
    [
      'a report about another image',
      answers([], 0).replace('manifest.config.digest', `'sha256:${'0'.repeat(64)}'`),
      'about the image',
    ],
    ['a clean report and the exit code of findings', answers([], 10), 'does not fit'],
    ['findings and the exit code of a clean image', answers(FOUND, 0), 'does not fit'],
    ['findings and a failure', answers(FOUND, 1), 'exit code 1'],
    ['a report that is a folder', `fs.mkdirSync(option('--output')); process.exit(0)`, ''],
  ])('%s', async (_name, body, why) => {
    for (const scan of ['gate', 'report'] as const) {
      const error = await failure((await scanWith({ scan: second(body) }, { gate: { ...GATE, scan } })).scan)
      expect(error.code).toBe('SCAN_BROKEN')
      expect(error.message).toContain('linux/arm64')
      expect(error.message).toContain(why)
    }
  })

  test('a scanner that hangs', async () => {
    const { scan } = await scanWith(
      { scan: `console.error('still here'); setInterval(() => {}, 1000)` },
      { gate: { ...GATE, timeoutMs: 700 } },
    )
    expect(await failure(scan)).toMatchObject({
      code: 'SCAN_BROKEN',
      message: expect.stringMatching(/too long\n {2}still here$/),
    })
  })

  test('an image without platforms', async () => {
    expect((await failure((await scanWith({}, { platforms: [] })).scan)).code).toBe('SCAN_BROKEN')
  })

  test('a scanner that is gone, with the hint how to get one', async () => {
    const { scan } = await scanWith({}, { scanner: scannerIn('/not/there') })
    expect(await failure(scan)).toMatchObject({ code: 'SCAN_BROKEN', hint: expect.stringContaining('`trivy-path`') })
  })
})

test('the error has the last lines of the log, without colours and without our folders', async () => {
  const log = `for (let i = 0; i < 40; i++) console.error('\\u001b[31mline ' + i); console.error('open ' + process.cwd() + '/x and ' + process.env.HOME)`
  const { scan, edges, layout } = await scanWith({ scan: `${log}; process.exit(1)` })
  const lines = (await failure(scan)).message.split('\n')
  expect(lines.slice(1, 3)).toEqual(['  line 21', '  line 22'])
  expect(lines.at(-1)).toBe('  open images/x and home')
  expect(lines).toHaveLength(21)
  for (const folder of [edges.scratch.directory, layout.directory]) expect(lines.join('\n')).not.toContain(folder)
})

describe('scanImage is cancelled', () => {
  test('while the scanner works', async () => {
    const stop = new AbortController()
    const { scan } = await scanWith(
      { scan: 'setInterval(() => {}, 1000)' },
      { world: await world({ signal: stop.signal }) },
    )
    setTimeout(() => stop.abort(), 500)
    expect((await failure(scan)).code).toBe('CANCELLED')
  })

  test('before a platform is scanned', async () => {
    const stop = new AbortController()
    const edges = await world({ signal: stop.signal })
    const info = (line: string): void => (line === 'linux/amd64: clean' ? stop.abort() : undefined)
    const { scan } = await scanWith({}, { world: { ...edges, reporter: { ...edges.reporter, info } } })
    expect((await failure(scan)).code).toBe('CANCELLED')
    expect(edges.commands.filter((command) => command.args.includes('linux-arm64'))).toEqual([])
  })
})
