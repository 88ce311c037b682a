import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RegistrySettings } from '../../src/access.ts'
import { certificateFolders, readCertificateFolders } from '../../src/net/certificate-folders.ts'
import { hostSettings, joinSettings } from '../../src/net/host-settings.ts'
import { networkTrouble } from '../../src/net/trouble.ts'
import { openClient } from '../support/client.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { startRegistry } from '../support/registry/server.ts'
import { writeFiles } from '../support/runner/files.ts'

const CLIENT = { cert: 'cert', key: 'key' }
const plain = (registry: string, more: Partial<RegistrySettings> = {}) => ({ registry, insecure: false, ...more })

describe('what holds for a host', () => {
  test('is what is said of that very port, before what is said of its name', () => {
    const settings = [plain('a.example:1', { ca: 'one' }), plain('a.example:2', { ca: 'two', client: CLIENT })]
    expect(hostSettings(settings, 'a.example:1')).toEqual({ ca: 'one', unchecked: false })
    expect(hostSettings(settings, 'a.example:3')).toEqual({ ca: 'one\ntwo', client: CLIENT, unchecked: false })
    expect(hostSettings(settings, 'b.example')).toEqual({ unchecked: false })
    expect(hostSettings(settings, 'a.example.evil:1')).toEqual({ unchecked: false })
  })

  test('of Docker Hub holds for its registry and its token service', () => {
    for (const host of ['registry-1.docker.io', 'auth.docker.io']) {
      expect(hostSettings([plain('docker.io', { ca: 'one' })], host).ca).toBe('one')
    }
    expect(hostSettings([plain('docker.io', { ca: 'one' })], 'hub.docker.io').ca).toBeUndefined()
  })

  test('is no missing check because a neighbour is insecure', () => {
    const settings = [plain('a.example:1'), { registry: 'a.example:2', insecure: true }]
    expect(['a.example:1', 'a.example:2', 'a.example:3'].map((host) => hostSettings(settings, host).unchecked)).toEqual(
      [false, true, false],
    )
  })

  test('is joined of what the user names and what the machine has', () => {
    const named = [plain('a.example', { ca: 'mine', parallel: 2 }), plain('b.example', { client: CLIENT })]
    const found = [
      plain('a.example', { ca: 'its', client: CLIENT }),
      plain('b.example', { client: { cert: 'x', key: 'y' } }),
      plain('c.example', { ca: 'c' }),
    ]
    expect(joinSettings(named, found)).toEqual([
      plain('a.example', { ca: 'mine\nits', parallel: 2, client: CLIENT }),
      plain('b.example', { client: CLIENT }),
      plain('c.example', { ca: 'c' }),
    ])
  })
})

test('a machine’s broken certificate counts until the user names one', () => {
  const found = [plain('a.example', { trouble: 'broken' })]
  expect(joinSettings([plain('a.example', { parallel: 2 })], found)).toEqual([
    plain('a.example', { parallel: 2, trouble: 'broken' }),
  ])
  for (const more of [{ ca: 'mine' }, { client: CLIENT }]) {
    expect(joinSettings([plain('a.example', more)], found)).toEqual([plain('a.example', more)])
  }
})

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'certs-'))
  onTestFinished(() => rm(made, { recursive: true }))
  await writeFiles(made, files)
  return made
}

describe('certs.d', () => {
  test('is looked for where Podman and Docker look', () => {
    expect(certificateFolders('/home/me')).toEqual([
      '/home/me/.config/containers/certs.d',
      '/etc/containers/certs.d',
      '/etc/docker/certs.d',
    ])
  })

  test('gives authorities and our own certificate by host and port', async () => {
    const files = {
      'a.example:5000/b.crt': 'second',
      'a.example:5000/a.crt': 'first',
      'a.example:5000/client.cert': 'cert',
      'a.example:5000/client.key': 'key',
      'a.example:5000/notes.txt': 'nothing',
      'b.example/ca.crt': 'other',
    }
    const found = await readCertificateFolders([await folder(files), '/no/such/folder'])
    expect(found).toEqual([
      plain('a.example:5000', { ca: 'first\nsecond', client: CLIENT }),
      plain('b.example', { ca: 'other' }),
    ])
  })

  test('takes a host from the first folder that has it', async () => {
    const folders = [await folder({ 'a.example/ca.crt': 'near' }), await folder({ 'a.example/ca.crt': 'far' })]
    expect(await readCertificateFolders(folders)).toEqual([plain('a.example', { ca: 'near' })])
  })

  test.each([
    ['a certificate without its key', { 'a.example/one.cert': 'cert' }, 'has no key (.key) beside it'],
    ['a key without its certificate', { 'a.example/one.key': 'key' }, 'has no certificate (.cert) beside it'],
    ['a file in place of a folder', { 'a.example': 'text' }, 'ENOTDIR'],
  ])('with %s stops who goes to that host, and nobody else', async (_name, files, why) => {
    const found = await readCertificateFolders([await folder({ ...files, 'b.example/ca.crt': 'other' })])
    expect(hostSettings(found, 'b.example').ca).toBe('other')
    expect(() => hostSettings(found, 'a.example')).toThrow(why)
    expect(() => hostSettings(found, 'a.example')).toThrow('nothing was sent')
  })

  test('with what cannot be read, or is endless, stops who goes to that host', async () => {
    const made = await folder({ 'big.example/ca.crt': 'x'.repeat(1024 * 1024 + 1) })
    await mkdir(join(made, 'a.example'))
    await symlink('nowhere', join(made, 'a.example/ca.crt'))
    const found = await readCertificateFolders([made])
    expect(() => hostSettings(found, 'a.example')).toThrow('ca.crt cannot be read')
    expect(() => hostSettings(found, 'big.example')).toThrow('too large for a certificate')
  })

  test('that we may not see says nothing', async () => {
    const made = await folder({ 'a.example/ca.crt': 'text' })
    await chmod(made, 0o000)
    onTestFinished(() => chmod(made, 0o700))
    // Root sees everything; then the entry is found, and either way nothing is thrown.
    await expect(readCertificateFolders([made])).resolves.toBeDefined()
  })
})

describe('a registry that wants to see a certificate', () => {
  async function strict() {
    const [own, ours, other] = [selfSignedCertificate(), selfSignedCertificate(), selfSignedCertificate()]
    const tls = { ...own, ca: ours.cert, requestCert: true }
    const auth = { kind: 'token', users: {}, anonymous: 'pull', realm: 'elsewhere' } as const
    const registry = await startRegistry({ tls, auth })
    onTestFinished(() => registry.stop())
    const ask = (client: RegistrySettings['client']) => {
      const entry = plain(registry.host, { ca: own.cert, ...(client === undefined ? {} : { client }) })
      const opened = openClient({ settings: [entry], retries: 0 })
      onTestFinished(() => opened.close())
      return opened.remote(`${registry.host}/acme/api`, 'pull').resolve('1.0')
    }
    return { registry, ask, ours, other }
  }

  test('is shown it, and so is its token service on another port', async () => {
    const { registry, ask, ours } = await strict()
    expect(await ask(ours)).toBeUndefined()
    expect(registry.requests.map(({ origin, step, status }) => [origin, step, status])).toEqual([
      ['registry', 'manifest-head', 401],
      ['storage', 'token', 200],
      ['registry', 'manifest-head', 404],
    ])
  })

  test('is not reached without one, or with a stranger’s', async () => {
    const { registry, ask, other } = await strict()
    for (const client of [undefined, other]) {
      await expect(ask(client)).rejects.toMatchObject({
        code: expect.stringMatching(/TLS_FAILED|REGISTRY_UNREACHABLE/),
      })
    }
    expect(registry.requests).toEqual([])
  })

  test.each(['CERTIFICATE_REQUIRED', 'BAD_CERTIFICATE', 'UNKNOWN_CA'])('is told by its alert %s', (alert) => {
    const error = Object.assign(new Error('alert'), { code: `ERR_SSL_TLSV13_ALERT_${alert}` })
    expect(networkTrouble(error, new URL('https://registry.example'))).toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('wants another certificate of ours'),
      hint: expect.stringContaining('registry: registry.example, client-cert'),
    })
  })

  test('of a certs.d folder that is broken is not asked at all', async () => {
    const registry = await startRegistry({ tls: selfSignedCertificate() })
    onTestFinished(() => registry.stop())
    const found = await readCertificateFolders([await folder({ [`${registry.host}/one.cert`]: 'cert' })])
    const client = openClient({ settings: found, retries: 3, address: () => registry.url })
    onTestFinished(() => client.close())
    const asked = client.remote(`${registry.host}/acme/api`).resolve('1.0')
    await expect(asked).rejects.toMatchObject({ code: 'TLS_FAILED', hint: expect.stringContaining('readable') })
    expect([registry.requests, client.waits]).toEqual([[], []])
  })
})
