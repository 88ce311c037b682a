import { describe, expect, test } from 'vitest'
import { openProxy } from '../support/proxy.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { writeFiles } from '../support/runner/files.ts'
import type { StepEnd } from '../support/runner.ts'
import { basic, filesOf, tokensOf, told } from './leaks.ts'
import { expectGreen, expectRed, layout, login, registry, runner, unscanned } from './stage.ts'

const PASSWORD = 'planted-password-1f9c'

describe('what opens the way to a registry', () => {
  const [own, ours] = [selfSignedCertificate(['registry.example']), selfSignedCertificate()]
  const keyLines = ours.key.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
  const SIGNATURE = 'planted-signature-99aa'
  const PROXY = 'planted/proxy-77cc'
  const proxyForms = [PROXY, encodeURIComponent(PROXY), basic('me', PROXY).replace(/=+$/, '')]

  /** A registry that is reached by a proxy with a login, and that wants to see a certificate. */
  async function guarded() {
    const on = await runner()
    const auth = {
      kind: 'token',
      users: { robot: { password: PASSWORD } },
      realm: 'https://registry.example/token',
    } as const
    const one = await registry({ auth, tls: { ...own, ca: ours.cert, requestCert: true } })
    const location = `https://registry.example/v2/acme/api/manifests/signed?X-Amz-Signature=${SIGNATURE}`
    const redirect = { kind: 'status', status: 307, headers: { location } } as const
    one.fail({ step: 'manifest-head', when: { first: 1 }, effect: redirect })
    const proxy = await openProxy({ routes: { 'registry.example': one.url }, login: `me:${PROXY}` })
    await layout(on)
    // The authority lies where Podman has it; the certificate is named in the step.
    await writeFiles(on.home, { '.config/containers/certs.d/registry.example/ca.crt': own.cert })
    await writeFiles(on.workspace, { 'ours.pem': ours.cert, 'ours.key': ours.key })
    const env = { HTTPS_PROXY: `http://me:${encodeURIComponent(PROXY)}@${proxy.url.host}` }
    return { on, one, proxy, env }
  }

  function expectNoWord(end: StepEnd): void {
    const text = told(end)
    for (const secret of [PASSWORD, basic('robot', PASSWORD), ...keyLines, ...proxyForms, SIGNATURE])
      expect(text).not.toContain(secret)
    // Tokens are made while the step runs; whatever was masked may stand nowhere else.
    for (const mask of end.main.log.masks.filter((text) => text.length > 3)) expect(text).not.toContain(mask)
  }

  const written = (key: string) => `- registry: registry.example\n  client-cert: ours.pem\n  client-key: ${key}`
  const block = `|\n${ours.key.replace(/^(?=.)/gm, '    ')}`

  test.each([
    ['a file', 'ours.key'],
    ['text', block],
  ])('is in no log, output, report or file: proxy, received tokens, signed URLs, a key as %s', async (_name, key) => {
    const { on, one, proxy, env } = await guarded()
    const inputs = {
      ...unscanned('registry.example/acme/api'),
      'registry-auth': login('registry.example', PASSWORD),
      'registry-config': written(key),
    }
    const end = await on.step({ inputs, env })
    expectGreen(end)
    expect(tokensOf(one)).toBeGreaterThan(0)
    expect(proxy.asked.length).toBeGreaterThan(0)
    expectNoWord(end)
    expect(end.main.log.text).toContain('X-Amz-Signature=…')
    for (const secret of [...keyLines, PROXY, encodeURIComponent(PROXY), basic('me', PROXY)])
      expect(end.main.log.masks).toContain(secret)
    const files = (await filesOf(on)).replaceAll(ours.key, '')
    for (const secret of [...keyLines, ...proxyForms, PASSWORD, SIGNATURE]) expect(files).not.toContain(secret)
  })

  test('is nowhere after a failure, either: a proxy that refuses, a key that is none', async () => {
    const { on, one, proxy, env } = await guarded()
    const inputs = { ...unscanned('registry.example/acme/api'), 'registry-auth': login('registry.example', PASSWORD) }
    const stranger = { HTTPS_PROXY: env.HTTPS_PROXY.replace('me:', 'you:') }
    const refused = await on.step({ inputs: { ...inputs, 'registry-config': written('ours.key') }, env: stranger })
    expect(expectRed(refused, 'REGISTRY_UNREACHABLE')).toContain('407')
    const asked = proxy.asked.length
    const damaged = written(block.replace('BEGIN', 'BEGlN'))
    const mistaken = await on.step({ inputs: { ...inputs, 'registry-config': damaged }, env })
    expectRed(mistaken, 'INPUT_INVALID')
    const bad = await on.step({ inputs, env: { HTTPS_PROXY: `ftp://me:${encodeURIComponent(PROXY)}@x` } })
    expect(expectRed(bad, 'INPUT_INVALID')).toContain('HTTPS_PROXY')
    for (const end of [refused, mistaken, bad]) expectNoWord(end)
    expect([one.requests, proxy.asked.length]).toEqual([[], asked])
  })

  test('does not open it without the certificate that the registry wants to see', async () => {
    const { on, one, env } = await guarded()
    const end = await on.step({ inputs: { ...unscanned('registry.example/acme/api'), retries: '0' }, env })
    // Servers differ in how they say no: by an alert of TLS or by closing the connection.
    expect(['TLS_FAILED', 'REGISTRY_UNREACHABLE']).toContain(end.main.report?.failure?.code)
    expect([end.main.exitCode, one.requests]).toEqual([1, []])
  })
})
