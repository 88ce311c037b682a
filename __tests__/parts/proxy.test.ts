import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { need, startProxy, startRegistry } from '../../scripts/part/index.ts'
import { openProxy } from '../support/proxy.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { writeFiles } from '../support/runner/files.ts'
import { makeRunner } from '../support/runner.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { expectGreen, expectRed, sentBlobs, toldBy } from './stage.ts'

const NAME = 'registry.example'
const LOGIN = { username: 'me', password: 'planted-proxy-5d1e' }
/** Larger than any buffer on its way. */
const LAYER = { platform: 'linux/amd64', layers: [{ files: { noise: randomBytes(12 * 1024 * 1024) } }] } as const

/** A registry by a name that only our own proxy knows, and tinyproxy, with a login, in front of that one. */
async function behindTinyproxy(more: { readonly tls: boolean }) {
  const tls = selfSignedCertificate([NAME])
  const registry = await startRegistry(3, more.tls ? { tls } : {})
  const names = await openProxy({ routes: { [NAME]: new URL(registry.url) } })
  const proxy = await startProxy({ login: LOGIN, upstream: names.url.host })
  const runner = await makeRunner()
  onTestFinished(async () => {
    await Promise.all([proxy.stop(), registry.stop(), runner[Symbol.asyncDispose]()])
  })
  await writeSampleLayout(join(runner.workspace, 'finished'), { platforms: [LAYER] })
  await writeFiles(runner.workspace, { 'authority.pem': tls.cert })
  const settings = more.tls ? { ca: 'authority.pem' } : { insecure: true }
  const inputs = {
    images: `${NAME}/acme/app`,
    layout: 'finished',
    scan: 'off',
    'registry-config': JSON.stringify([{ registry: NAME, ...settings }]),
  }
  const publish = (password: string) => {
    const way = `http://${LOGIN.username}:${password}@${proxy.host}`
    return runner.step({ inputs, env: { HTTPS_PROXY: way, HTTP_PROXY: way } })
  }
  return { registry, proxy, names, publish }
}

describe.skipIf(!(await need(['tinyproxy', 'registry3'])))('tinyproxy with a login', () => {
  test('leads to a registry with TLS, by CONNECT alone', async () => {
    const { registry, proxy, names, publish } = await behindTinyproxy({ tls: true })
    const end = await publish(LOGIN.password)
    expectGreen(end)
    expect(sentBlobs(await registry.requests())).toHaveLength(2)
    expect(new Set(await proxy.asked())).toEqual(new Set([`CONNECT ${NAME}:443`]))
    expect(new Set(names.asked)).toEqual(new Set([`CONNECT ${NAME}:443`]))
    expect(toldBy(end)).not.toContain(LOGIN.password)
    const again = await publish(LOGIN.password)
    expectGreen(again)
    expect(again.main.report).toMatchObject({ result: 'unchanged' })
  })

  test('leads to a registry that speaks plain http, by requests that name it whole', async () => {
    const { registry, proxy, publish } = await behindTinyproxy({ tls: false })
    const end = await publish(LOGIN.password)
    expectGreen(end)
    expect(sentBlobs(await registry.requests())).toHaveLength(2)
    const asked = await proxy.asked()
    // TLS is tried first, and nobody speaks it there.
    expect(asked[0]).toBe(`CONNECT ${NAME}:443`)
    expect(asked.filter((line) => line.startsWith(`PUT http://${NAME}/v2/acme/app/`)).length).toBeGreaterThan(2)
    expect(toldBy(end)).not.toContain(LOGIN.password)
  })

  test('that is given another password leads nowhere', async () => {
    const { registry, names, publish } = await behindTinyproxy({ tls: true })
    const end = await publish('another-password')
    expect(expectRed(end, 'REGISTRY_UNREACHABLE')).toContain('a user and a password that the proxy knows')
    expect([await registry.requests(), names.asked]).toEqual([[], []])
    expect(toldBy(end)).not.toContain('another-password')
  })
})
