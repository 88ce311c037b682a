import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, startCraneRegistry, startRegistry as startRealRegistry } from '../../scripts/part/index.ts'
import { type Client, loginAt, openClient } from '../support/client.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { startRegistry as startInProcess } from '../support/registry/server.ts'
import { testStoreContract } from '../support/store-contract.ts'
import { startTokenServer } from '../support/token-server.ts'

const USER = { username: 'user', password: 'pass-word' }
const SERVICE = 'a registry of the tests'

type Front = 'nothing' | 'TLS' | 'htpasswd' | 'htpasswd over TLS' | 'tokens' | 'tokens over TLS'
type Kind = 'registry 2' | 'registry 3' | 'crane' | 'in-process'

/** A registry behind its front, and what else has to be reached and stopped. */
type Started = { readonly host: string; readonly hosts: readonly string[]; stop(): Promise<void> }

const FRONTS: readonly Front[] = ['TLS', 'htpasswd', 'htpasswd over TLS', 'tokens', 'tokens over TLS']
const ROWS: readonly (readonly [Kind, Front])[] = [
  // Both real ones without a front, and the in-process one, are in contract.test.ts and content/store-contract.test.ts.
  ['crane', 'nothing'],
  ...(['registry 2', 'registry 3', 'in-process'] as const).flatMap((kind) =>
    FRONTS.map((front) => [kind, front] as const),
  ),
]

const PARTS = { 'registry 2': ['registry2'], 'registry 3': ['registry3'], crane: ['crane'], 'in-process': [] } as const
const certificate = selfSignedCertificate()

describe.each(ROWS)('%s behind %s', async (kind, front) => {
  const isThere = await need(PARTS[kind])

  describe.skipIf(!isThere)('as a store', () => {
    let started: Started
    let client: Client
    const more: Started[] = []
    beforeAll(async () => {
      started = await start(kind, front)
      client = openClient({
        logins: front === 'nothing' ? [] : [loginAt(started.host)],
        settings: settingsOf(started, front),
      })
    })
    afterAll(async () => {
      await client.close()
      await Promise.all([started, ...more].map(({ stop }) => stop()))
    })

    async function another(): Promise<Started> {
      const one = await start(kind, front)
      more.push(one)
      return one
    }

    testStoreContract({
      async open(name) {
        // The repositories of ggcr's registry share all blobs, so an empty place takes a registry of its own.
        const { host } = kind === 'crane' ? await another() : started
        const remote = client.remote(`${host}/contract/${name}`)
        return { source: remote, target: remote }
      },
      // ggcr's registry takes manifests as they come.
      checksReferences: kind !== 'crane',
      mounts: kind !== 'crane',
    })

    if (front === 'nothing' || front === 'TLS') return
    test('a wrong password is LOGIN_FAILED', async () => {
      const logins = [loginAt(started.host, USER.username, 'wrong')]
      await using stranger = openClient({ logins, settings: settingsOf(started, front) })
      const asked = stranger.remote(`${started.host}/contract/login`).resolve('1.0')
      await expect(asked).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
    })
  })
})

function settingsOf({ hosts }: Started, front: Front) {
  return front.endsWith('TLS') ? hosts.map((registry) => ({ registry, insecure: false, ca: certificate.cert })) : []
}

function start(kind: Kind, front: Front): Promise<Started> {
  switch (kind) {
    case 'crane':
      return withHosts(startCraneRegistry())
    case 'in-process':
      return withHosts(startInProcess({ ...secured(front), auth: authOf(front) }))
    case 'registry 2':
      return startReal(2, front)
    case 'registry 3':
      return startReal(3, front)
  }
}

async function withHosts(starting: Promise<{ readonly host: string; stop(): Promise<void> }>): Promise<Started> {
  const { host, stop } = await starting
  return { host, hosts: [host], stop }
}

async function startReal(version: 2 | 3, front: Front): Promise<Started> {
  if (!front.startsWith('tokens')) {
    const htpasswd = front.startsWith('htpasswd') ? { htpasswd: USER } : {}
    return withHosts(startRealRegistry(version, { ...secured(front), ...htpasswd }))
  }
  const tls = front.endsWith('TLS')
  const tokens = await startTokenServer({ ...USER, ...certificate, service: SERVICE, tls })
  const { realm, issuer } = tokens
  const token = { realm, issuer, service: SERVICE, certificate: certificate.cert }
  const registry = await startRealRegistry(version, { ...secured(front), token })
  return {
    host: registry.host,
    hosts: [registry.host, tokens.host],
    async stop() {
      await Promise.all([registry.stop(), tokens.stop()])
    },
  }
}

function secured(front: Front) {
  return front.endsWith('TLS') ? { tls: certificate } : {}
}

function authOf(front: Front) {
  const users = { [USER.username]: { password: USER.password } }
  if (front.startsWith('tokens')) return { kind: 'token', users } as const
  return front.startsWith('htpasswd') ? ({ kind: 'basic', users } as const) : ({ kind: 'none' } as const)
}
