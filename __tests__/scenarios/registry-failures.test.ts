import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import type { Fault } from '../support/registry/fault.ts'
import { fakeDocker, fakeTrivy, TRIVY } from './programs.ts'
import {
  expectGreen,
  expectRed,
  guardedRegistry,
  layout,
  login,
  registry,
  runner,
  shown,
  tagsOf,
  unscanned,
} from './stage.ts'

const PASSWORD = 'a password of the tests'

describe('a login', () => {
  test('with a wrong password is LOGIN_FAILED', async () => {
    const on = await runner()
    const one = await guardedRegistry(PASSWORD)
    await layout(on)
    const auth = login(one.host, 'wrong')
    const end = await on.step({ inputs: { ...unscanned(`${one.host}/acme/api`), 'registry-auth': auth } })
    expect(expectRed(end, 'LOGIN_FAILED')).toContain('robot')
    expect(one.writes()).toEqual([])
  })

  test('that nobody made is LOGIN_FAILED and says how to make it', async () => {
    const on = await runner()
    const one = await guardedRegistry(PASSWORD)
    await layout(on)
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`) })
    expect(expectRed(end, 'LOGIN_FAILED')).toContain('registry-auth')
  })

  test('that nobody made is LOGIN_FAILED where anybody may pull, too', async () => {
    const on = await runner()
    const one = await registry({ auth: { kind: 'token', users: {}, anonymous: 'pull' } })
    await layout(on)
    const end = await on.step({ inputs: unscanned(`${one.host}/acme/api`) })
    expect(expectRed(end, 'LOGIN_FAILED')).toContain('nobody is logged in')
    expect(one.openUploads()).toEqual([])
  })

  test('with an empty secret is LOGIN_FAILED before anything is asked', async () => {
    const on = await runner()
    const one = await guardedRegistry(PASSWORD)
    await layout(on)
    const inputs = { ...unscanned(`${one.host}/acme/api`), username: 'robot', password: '' }
    expect(expectRed(await on.step({ inputs }), 'LOGIN_FAILED')).toContain('spelt right')
    expect(one.requests).toEqual([])
  })
})

describe('a push', () => {
  test('that the token does not grant is PUSH_DENIED before the build', async () => {
    const on = await runner()
    const user = { password: PASSWORD, grants: () => ['pull'] }
    const one = await registry({ auth: { kind: 'token', users: { robot: user } } })
    await fakeDocker(on)
    await fakeTrivy(on)
    await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\n')
    const inputs = { ...TRIVY, images: `${one.host}/acme/api`, 'registry-auth': login(one.host, PASSWORD) }
    expect(expectRed(await on.step({ inputs }), 'PUSH_DENIED')).toContain('may pull and not push')
    expect(one.writes()).toEqual([])
    expect(await on.calls()).toEqual([])
  })

  test('that an opaque token leaves open is tried with a session', async () => {
    const on = await runner()
    const users = { robot: { password: PASSWORD } }
    const one = await registry({ auth: { kind: 'token', users, opaque: true }, cancel: false })
    await layout(on)
    await fakeTrivy(on)
    // With a scan in between: without one the upload itself asks a moment later.
    const inputs = {
      ...unscanned(`${one.host}/acme/api`),
      scan: 'gate',
      ...TRIVY,
      'registry-auth': login(one.host, PASSWORD),
    }
    expectGreen(await on.step({ inputs }))
    const asked = one.requests.filter(({ step }) => step === 'upload-open' || step === 'upload-cancel')
    expect(asked.slice(0, 2).map(({ step, status }) => `${step} ${status}`)).toEqual([
      'upload-open 202',
      'upload-cancel 405',
    ])
    one.reset()
    expectGreen(await on.step({ inputs }))
    expect(one.requests.filter(({ step }) => step === 'upload-open')).toEqual([])
  })

  test('that an opaque token does not allow is PUSH_DENIED', async () => {
    const on = await runner()
    const users = { robot: { password: PASSWORD, grants: () => ['pull'] } }
    const one = await registry({ auth: { kind: 'token', users, opaque: true } })
    await layout(on)
    await fakeTrivy(on)
    const inputs = {
      ...unscanned(`${one.host}/acme/api`),
      scan: 'gate',
      ...TRIVY,
      'registry-auth': login(one.host, PASSWORD),
    }
    expectRed(await on.step({ inputs }), 'PUSH_DENIED')
    expect(one.writes()).toEqual([])
    expect(await on.calls()).toEqual([])
  })

  test('to a repository that nobody made is REPOSITORY_MISSING', async () => {
    const on = await runner()
    const one = await registry({ createOnPush: false })
    await layout(on)
    expectRed(await on.step({ inputs: unscanned(`${one.host}/acme/api`) }), 'REPOSITORY_MISSING')
  })
})

const HTML = { kind: 'status', status: 413, body: '<html><h1>413 Request Entity Too Large</h1></html>' } as const
const SCHEMA = { errors: [{ code: 'MANIFEST_INVALID', message: 'manifest invalid' }] }

test.each<[code: string, what: string, faults: readonly Fault[], says: string]>([
  [
    'REGISTRY_BUSY',
    'answers 503 for ever',
    [{ step: 'manifest-head', effect: { kind: 'status', status: 503 } }],
    '503',
  ],
  ['REGISTRY_BUSY', 'has too much to do', [{ step: 'upload-put', effect: { kind: 'status', status: 429 } }], '429'],
  ['CONTENT_REFUSED', 'takes no large bodies', [{ step: 'upload-put', effect: HTML }], 'client_max_body_size'],
  [
    'CONTENT_REFUSED',
    'does not like the manifest',
    [{ step: 'manifest-put', effect: { kind: 'status', status: 400, body: SCHEMA } }],
    'manifest invalid',
  ],
  [
    'DIGEST_MISMATCH',
    'stores tags as something else',
    [{ step: 'tag-put', effect: { kind: 'headers', set: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } } }],
    'stored it as',
  ],
  [
    'DIGEST_MISMATCH',
    'forgets what was written',
    [{ step: 'tag-put', effect: { kind: 'forget' } }],
    'it shows nothing',
  ],
])('%s when the registry %s', async (code, _what, faults, says) => {
  const on = await runner()
  const one = await registry({ faults })
  await layout(on)
  const end = await on.step({ inputs: { ...unscanned(`${one.host}/acme/api`), retries: '1', tags: 'version' } })
  expect(expectRed(end, code)).toContain(says)
  expect(tagsOf(one, 'acme/api')).toEqual(
    code === 'DIGEST_MISMATCH' && says === 'stored it as' ? expect.anything() : {},
  )
})

test('TAG_IMMUTABLE when the registry does not let a tag be moved', async () => {
  const on = await runner()
  const one = await registry({ immutableTags: /^\d/ })
  const old = one.put('acme/api', { manifest: { schemaVersion: 2 }, tag: '1.2.3' })
  await layout(on)
  const end = await on.step({
    inputs: { ...unscanned(`${one.host}/acme/api`), tags: 'version,latest', 'existing-tag': 'overwrite' },
  })
  expect(expectRed(end, 'TAG_IMMUTABLE')).toContain('1.2.3')
  expect(shown(one, 'acme/api', '1.2.3')).toBe(old)
  expect(shown(one, 'acme/api', 'latest')).toBeUndefined()
  expect(end.main.report?.references.map(({ outcome }) => outcome)).toEqual(['failed', 'refused'])
})

test('a fixed tag that cannot be written does not hide that a moving one shows the image already', async () => {
  const on = await runner()
  const one = await registry({
    faults: [{ step: 'tag-put', reference: '1.2.4', effect: { kind: 'status', status: 403 } }],
  })
  await layout(on)
  const inputs = { ...unscanned(`${one.host}/acme/api`), tags: 'version,latest' }
  expectGreen(await on.step({ inputs }))
  const end = await on.step({ inputs: { ...inputs, version: '1.2.4' } })
  expectRed(end, 'PUSH_DENIED')
  expect(end.main.report?.references.map(({ outcome }) => outcome)).toEqual(['failed', 'unchanged'])
  expect(end.main.outputs['tag-refs']).toContain(':latest@')
})

test('PARTLY_PUBLISHED when one tag of one registry fails after others were written, and a second run finishes', async () => {
  const on = await runner()
  const [whole, broken] = [await registry(), await registry()]
  broken.fail({ step: 'tag-put', reference: 'latest', effect: { kind: 'status', status: 500 } })
  const image = await layout(on)
  const inputs = { ...unscanned(`${whole.host}/acme/api`, `${broken.host}/acme/api`), retries: '0' }
  const end = await on.step({ inputs })
  expect(expectRed(end, 'PARTLY_PUBLISHED')).toContain(`${broken.host}/acme/api:latest`)
  const outcomes = end.main.report?.references.map(({ outcome }) => outcome).toSorted()
  expect(outcomes).toEqual([...Array(5).fill('created'), 'failed'])
  expect(JSON.parse(end.main.outputs['pushed'] ?? '')).toHaveLength(5)
  broken.heal()
  expectGreen(await on.step({ inputs }))
  expect(shown(broken, 'acme/api', 'latest')).toBe(image.root.digest)
})

test('one registry that takes no content keeps every tag of the other where it was', async () => {
  const on = await runner()
  const [whole, broken] = [await registry(), await registry()]
  broken.fail({ step: 'manifest-put', effect: { kind: 'status', status: 500 } })
  await layout(on)
  const inputs = { ...unscanned(`${whole.host}/acme/api`, `${broken.host}/acme/api`), retries: '0' }
  const end = await on.step({ inputs })
  expectRed(end, 'REGISTRY_BUSY')
  expect([tagsOf(whole, 'acme/api'), tagsOf(broken, 'acme/api')]).toEqual([{}, {}])
  expect(new Set(end.main.report?.references.map(({ outcome }) => outcome))).toEqual(new Set(['failed', 'refused']))
})

describe('a registry that cannot be reached', () => {
  test.each([
    ['nothing listens there', '127.0.0.1:1', 'connection refused'],
    ['the name is unknown', 'registry.invalid', 'DNS'],
  ])('because %s is REGISTRY_UNREACHABLE', async (_name, host, says) => {
    const on = await runner()
    await layout(on)
    const end = await on.step({ inputs: { ...unscanned(`${host}/acme/api`), retries: '1' } })
    expect(expectRed(end, 'REGISTRY_UNREACHABLE')).toContain(says)
  })

  test('through a proxy that refuses is REGISTRY_UNREACHABLE', async () => {
    const on = await runner()
    await layout(on)
    const env = { HTTPS_PROXY: 'http://127.0.0.1:1' }
    const end = await on.step({ inputs: { ...unscanned('registry.example/acme/api'), retries: '0' }, env })
    expect(expectRed(end, 'REGISTRY_UNREACHABLE')).toContain('registry.example')
  })
})

describe('TLS', () => {
  test('with a certificate of an unknown authority is TLS_FAILED, and `ca` helps', async () => {
    const on = await runner()
    const [own, other] = [selfSignedCertificate(), selfSignedCertificate()]
    const one = await registry({ tls: own })
    await layout(on)
    await writeFile(join(on.workspace, 'ca.pem'), own.cert)
    await writeFile(join(on.workspace, 'other.pem'), other.cert)
    const inputs = unscanned(`${one.host}/acme/api`)
    const config = (ca: string) => `- registry: ${one.host}\n  ca: ${ca}`
    const refused = await on.step({ inputs: { ...inputs, 'registry-config': config('other.pem') } })
    expect(expectRed(refused, 'TLS_FAILED')).toContain('authority')
    expect(one.requests).toEqual([])
    // Nothing goes on behind the step's last word.
    expect(refused.main.log.text.trimEnd().split('\n').at(-1)).toMatch(/^::error::/)
    expect(refused.main.log.text).not.toContain('again in')
    expectGreen(await on.step({ inputs: { ...inputs, 'registry-config': config('ca.pem') } }))
  })

  test('of one registry is checked although its neighbour on the same machine is `insecure`', async () => {
    const on = await runner()
    const [plain, guarded] = [await registry(), await registry({ tls: selfSignedCertificate() })]
    await layout(on)
    await writeFile(join(on.workspace, 'other.pem'), selfSignedCertificate().cert)
    const config = `- registry: ${plain.host}\n  insecure: true\n- registry: ${guarded.host}\n  ca: other.pem`
    const inputs = unscanned(`${plain.host}/acme/api`, `${guarded.host}/acme/api`)
    const end = await on.step({ inputs: { ...inputs, 'registry-config': config } })
    expect(expectRed(end, 'TLS_FAILED')).toContain(guarded.host)
    expect([...plain.writes(), ...guarded.requests]).toEqual([])
  })

  test('is not spoken by a registry with a `ca`: TLS_FAILED', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    await writeFile(join(on.workspace, 'ca.pem'), selfSignedCertificate().cert)
    const config = `- registry: ${one.host}\n  ca: ca.pem`
    const end = await on.step({ inputs: { ...unscanned(`${one.host}/acme/api`), 'registry-config': config } })
    expect(expectRed(end, 'TLS_FAILED')).toContain('insecure: true')
  })

  test('on a port that was taken for plain http is TLS_FAILED', async () => {
    const on = await runner()
    const host = await talksBack('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n')
    await layout(on)
    const end = await on.step({ inputs: { ...unscanned(`${host}/acme/api`), retries: '0' } })
    expectRed(end, 'TLS_FAILED')
  })
})

/** A server that says the same thing to everybody, as Go's TLS servers do to plain http. */
async function talksBack(answer: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `127.0.0.1:${address.port}`
}
