import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import { openDownloads } from '../../src/net/download.ts'
import { openWire } from '../../src/net/wire.ts'
import { type Mishap, SIGNATURE, startReleaseServer } from '../support/release-server.ts'
import { sha256Of } from '../support/trivy-archive.ts'

const FILE = Buffer.alloc(300_000, 'what a release is made of ')

type Changes = {
  readonly mishaps?: readonly Mishap[]
  readonly limit?: number
  readonly path?: string
  readonly signal?: AbortSignal
  readonly retries?: number
}

async function fetching({ mishaps = [], limit = 1e6, path = 'file', signal, retries = 3 }: Changes = {}) {
  const server = await startReleaseServer({ files: { file: FILE }, mishaps })
  const folder = await mkdtemp(join(tmpdir(), 'download-'))
  const wire = openWire({
    userAgent: 'lading/test',
    signal: new AbortController().signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 2,
    limits: { stallMs: 300 },
  })
  onTestFinished(async () => {
    await wire.close()
    await rm(folder, { recursive: true, force: true })
  })
  const [debug, waits, progress]: [string[], number[], (readonly [number, number | undefined])[]] = [[], [], []]
  const download = openDownloads({
    wire: wire.send,
    retries,
    now: () => new Date(),
    sleep: async (milliseconds) => void waits.push(milliseconds),
    random: () => 0.5,
    debug: (line) => void debug.push(line),
  })
  const target = join(folder, 'download')
  const fetched = download({
    url: new URL(`/aquasecurity/trivy/releases/download/v1/${path}`, server.url),
    path: target,
    limit,
    signal: signal ?? new AbortController().signal,
    onProgress: (bytes, total) => void progress.push([bytes, total]),
  })
  return { fetched, server, target, debug, waits, progress }
}

test('a download is written where it should be, and told by hash, size and host', async () => {
  const { fetched, target, server, progress, waits } = await fetching()
  expect(await fetched).toEqual({ sha256: sha256Of(FILE), size: FILE.length, from: server.url.host })
  expect(FILE.equals(await readFile(target))).toBe(true)
  expect((await stat(target)).mode & 0o777).toBe(0o600)
  expect(progress.at(-1)).toEqual([FILE.length, FILE.length])
  expect(waits).toEqual([])
})

test('the signature of an address that it leads to is not shown', async () => {
  const { fetched, debug } = await fetching()
  await fetched
  expect(debug.join('\n')).toContain('/storage/file?sig=…')
  expect(debug.join('\n')).not.toContain(SIGNATURE)
})

test.each<[string, readonly Mishap[]]>([
  ['that breaks off', ['cut', 'cut']],
  ['that stands still', ['stall']],
  ['of a storage that is busy', [503, 429]],
])('a download %s is begun again from where it was named, and is whole in the end', async (_what, mishaps) => {
  const { fetched, target, server, waits } = await fetching({ mishaps })
  expect((await fetched).sha256).toBe(sha256Of(FILE))
  expect(FILE.equals(await readFile(target))).toBe(true)
  expect(waits).toHaveLength(mishaps.length)
  // A signed address may have run out meanwhile.
  expect(server.asked.filter((line) => line.includes('/releases/download/'))).toHaveLength(mishaps.length + 1)
})

test('a download that always breaks off fails after its repetitions', async () => {
  const { fetched, waits } = await fetching({ mishaps: Array(9).fill('cut'), retries: 2 })
  await expect(fetched).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
  expect(waits).toHaveLength(2)
})

test('a file that is not there is asked for once', async () => {
  const { fetched, server } = await fetching({ path: 'nothing' })
  await expect(fetched).rejects.toMatchObject({ message: expect.stringContaining('status 404') })
  expect(server.asked).toHaveLength(1)
})

test('no more is taken than the limit, and nobody asks again', async () => {
  const { fetched, waits, target } = await fetching({ limit: 100_000 })
  await expect(fetched).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  expect((await stat(target)).size).toBeLessThanOrEqual(100_000)
  expect(waits).toEqual([])
})

test('whoever ends a download says why', async () => {
  const stop = new AbortController()
  const { fetched } = await fetching({ mishaps: ['stall'], signal: stop.signal })
  setTimeout(() => stop.abort(new LadingError('BUILD_FAILED', 'the build failed')), 100)
  await expect(fetched).rejects.toMatchObject({ code: 'BUILD_FAILED' })
})

test('a download that was ended before is not begun', async () => {
  const { fetched, server } = await fetching({ signal: AbortSignal.abort() })
  await expect(fetched).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(server.asked).toEqual([])
})
