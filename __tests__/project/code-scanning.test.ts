import { randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Upload } from '../../src/edges.ts'
import { LadingError } from '../../src/error.ts'
import { openWire } from '../../src/net/wire.ts'
import { openCodeScanning } from '../../src/project/code-scanning.ts'
import { sarifOf } from '../../src/report/sarif.ts'
import { REFUSED } from '../report/examples.ts'
import { type CodeScanningOptions, startCodeScanning, type Told } from '../support/code-scanning.ts'
import { TOKEN } from './world.ts'

const UPLOAD: Upload = {
  sarif: sarifOf(REFUSED) ?? '',
  commit: 'a'.repeat(40),
  ref: 'refs/heads/main',
  started: new Date('2026-11-21T12:00:00Z'),
}
const SARIFS = '/repos/acme/api/code-scanning/sarifs'
const ANALYSES = '/repos/acme/api/code-scanning/analyses?per_page=1'

/** The edge as the action wires it, before a stand-in for the API. */
async function scanning(told: CodeScanningOptions = {}) {
  const server = await startCodeScanning(told)
  onTestFinished(() => server[Symbol.asyncDispose]())
  return { server, ...edge(server.url), what: () => server.asked.map(({ what }) => what) }
}

function edge(api: string, signal: AbortSignal = new AbortController().signal) {
  const waits: number[] = []
  const debug: string[] = []
  const wire = openWire({
    userAgent: 'lading/test',
    signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 4,
  })
  onTestFinished(wire.close)
  const codeScanning = openCodeScanning({
    api,
    repository: 'acme/api',
    token: TOKEN,
    wire: wire.send,
    signal,
    now: () => new Date(),
    sleep: async (milliseconds) => void waits.push(milliseconds),
    random: () => 0.5,
    debug: (line) => void debug.push(line),
  })
  return { codeScanning, waits, debug }
}

describe('whether findings may be sent is asked without sending any', () => {
  test('and granted where only the request itself is missed', async () => {
    const { codeScanning, server, what } = await scanning()
    expect(await codeScanning.mayUpload()).toEqual({ kind: 'granted' })
    expect(what()).toEqual([`POST ${SARIFS}`, `GET ${ANALYSES}`])
    expect(server.asked.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true)
    expect(server.received).toEqual([])
  })

  test.each<readonly [string, CodeScanningOptions, string, string]>([
    [
      'the token has no right to it',
      { denied: { status: 403, message: 'Resource not accessible by integration' } },
      'GitHub says “Resource not accessible by integration” (status 403)',
      'Add `security-events: write` to the `permissions` of the job',
    ],
    [
      'the token is none',
      { denied: { status: 401, message: 'Bad credentials' } },
      'Bad credentials',
      'token that is valid',
    ],
    [
      'the repository is not shown',
      { denied: { status: 404, message: 'Not Found' } },
      'Not Found',
      '`contents: read` too',
    ],
    [
      'Code Security is off, told first',
      { denied: { status: 403, message: 'Code Security must be enabled for this repository to use code scanning.' } },
      'Code Security must be enabled',
      'Enable code scanning in the settings of acme/api',
    ],
    [
      'Advanced Security is off, told only by the list of analyses',
      { off: { status: 403, message: 'Advanced Security must be enabled for this repository to use code scanning.' } },
      'Advanced Security must be enabled',
      'Enable code scanning in the settings of acme/api',
    ],
    [
      'code scanning is off',
      {
        off: {
          status: 403,
          message:
            'Code scanning is not enabled for this repository. Please enable code scanning in the repository settings.',
        },
      },
      'not enabled',
      'leave out `upload-sarif`',
    ],
  ])('and refused where %s', async (_name, told, why, hint) => {
    const { codeScanning } = await scanning(told)
    expect(await codeScanning.mayUpload()).toEqual({
      kind: 'refused',
      why: expect.stringContaining(why),
      hint: expect.stringContaining(hint),
    })
  })

  test.each<readonly [string, Told, number]>([
    ['a limit', { status: 429, message: 'Too many requests' }, 1],
    ['a limit that looks like a refusal', { status: 403, message: 'You have exceeded a secondary rate limit.' }, 1],
    ['a limit by its header', { status: 403, message: 'Forbidden', headers: { 'retry-after': '60' } }, 1],
    ['a server in trouble', { status: 503, message: 'Unavailable' }, 3],
    ['something that nobody knows', { status: 418, message: 'I am a teapot' }, 1],
  ])('and is not known before %s', async (_name, denied, times) => {
    const { codeScanning, what } = await scanning({ denied })
    expect(await codeScanning.mayUpload()).toMatchObject({
      kind: 'unknown',
      why: expect.stringContaining(denied.message ?? ''),
    })
    expect(what()).toHaveLength(times)
  })

  test('and is not known where there is nobody to ask, or nobody answers', async () => {
    expect(await edge('').codeScanning.mayUpload()).toMatchObject({ kind: 'unknown' })
    expect(await edge('http://127.0.0.1:1').codeScanning.mayUpload()).toMatchObject({ kind: 'unknown' })
  })

  test('and a cancelled step is no answer', async () => {
    const { url } = (await scanning()).server
    const cancelled = AbortSignal.abort(new LadingError('CANCELLED', 'the step was cancelled'))
    await expect(edge(url, cancelled).codeScanning.mayUpload()).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('and words of strangers are one plain line', async () => {
    const { codeScanning } = await scanning({ denied: { status: 403, message: 'no\n::error::x\u001b[31m\u202e' } })
    expect(await codeScanning.mayUpload()).toMatchObject({ why: 'GitHub says “no ::error::x” (status 403)' })
  })
})

describe('an upload', () => {
  test('carries the file, the commit, the ref and the time, and no path of the machine', async () => {
    const { codeScanning, server, waits, what } = await scanning()
    await codeScanning.upload(UPLOAD)
    const { commit, ref } = UPLOAD
    const [received, ...more] = server.received
    expect(received).toEqual({
      commit,
      ref,
      started: '2026-11-21T12:00:00.000Z',
      tool: 'Trivy',
      sarif: JSON.parse(UPLOAD.sarif),
    })
    expect(more).toEqual([])
    expect(what()).toEqual([`POST ${SARIFS}`, expect.stringMatching(/^GET .*\/sarifs\/[\w-]+$/)])
    expect(waits).toEqual([2000])
  })

  test('is repeated when the server is in trouble', async () => {
    const { codeScanning, server, what } = await scanning({ uploads: [{ status: 502 }, { status: 500 }] })
    await codeScanning.upload(UPLOAD)
    expect(server.received).toHaveLength(1)
    expect(what().filter((one) => one.startsWith('POST'))).toHaveLength(3)
  })

  test.each<readonly [string, CodeScanningOptions & { readonly commit?: string }, string, string]>([
    [
      'without the right',
      { denied: { status: 403, message: 'Resource not accessible by integration' } },
      'PUSH_DENIED',
      'not accessible',
    ],
    [
      'that is too large',
      { uploads: [{ status: 413, message: 'Payload too large' }] },
      'CONTENT_REFUSED',
      'Payload too large',
    ],
    ['about no commit', { commit: 'n/a' }, 'CONTENT_REFUSED', 'n/a does not match'],
    ['beyond a limit', { uploads: [{ status: 429, message: 'Slow down' }] }, 'REGISTRY_BUSY', 'Slow down'],
    [
      'beyond another limit',
      { uploads: [{ status: 403, message: 'secondary rate limit' }] },
      'REGISTRY_BUSY',
      'rate limit',
    ],
    ['to a server in lasting trouble', { uploads: Array(3).fill({ status: 503 }) }, 'REGISTRY_BUSY', 'status 503'],
    [
      'that could not be read',
      { processed: { processing_status: 'failed', errors: ['rejecting SARIF, as there are more runs\nthan allowed'] } },
      'CONTENT_REFUSED',
      'it could not be read there: rejecting SARIF, as there are more runs than allowed',
    ],
  ])('%s fails, and says why', async (_name, { commit = UPLOAD.commit, ...told }, code, words) => {
    const { codeScanning } = await scanning(told)
    await expect(codeScanning.upload({ ...UPLOAD, commit })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    })
  })

  test('that is larger than GitHub takes is not even begun', async () => {
    const { codeScanning, server } = await scanning()
    // Noise does not get smaller.
    const sarif = randomBytes(12_000_000).toString('latin1')
    await expect(codeScanning.upload({ ...UPLOAD, sarif })).rejects.toMatchObject({ code: 'CONTENT_REFUSED' })
    expect(server.asked).toEqual([])
  })

  test('that is not worked through yet, or whose state nobody tells, has not failed', async () => {
    for (const processed of [{ processing_status: 'pending' }, {}, { processing_status: 7 }]) {
      const { codeScanning } = await scanning({ processed })
      await expect(codeScanning.upload(UPLOAD)).resolves.toBeUndefined()
    }
  })

  test('says nothing of the token in what it logs', async () => {
    const { codeScanning, debug } = await scanning()
    await codeScanning.upload(UPLOAD)
    expect(debug.length).toBeGreaterThan(0)
    expect(debug.join('\n')).not.toContain(TOKEN)
  })
})
