import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import type { Fault } from '../support/registry/fault.ts'
import type { PullLimit } from '../support/registry/pull-limit.ts'
import { fakeDocker } from './programs.ts'
import { expectGreen, expectRed, layout, messagesOf, registry, runner } from './stage.ts'
import { openTunnel } from './tunnel.ts'

const PASSWORD = 'a password of the tests'
const HOSTS = ['registry-1.docker.io', 'auth.docker.io']

type Hub = { readonly limit?: PullLimit; readonly faults?: readonly Fault[] }

/** A build of this Dockerfile on a machine whose Docker Hub is a stand-in. */
async function building(dockerfile: string, hub: Hub, more: Readonly<Record<string, string>> = {}) {
  const on = await runner()
  const tls = selfSignedCertificate(HOSTS)
  const users = { robot: { password: PASSWORD } }
  const standIn = await registry({
    tls,
    auth: { kind: 'token', users, anonymous: 'pull', realm: 'https://auth.docker.io/token' },
    ...(hub.limit === undefined ? {} : { pullLimit: hub.limit }),
    ...(hub.faults === undefined ? {} : { faults: hub.faults }),
  })
  standIn.put('ratelimitpreview/test', { manifest: { schemaVersion: 2 }, tag: 'latest' })
  const tunnel = await openTunnel(Object.fromEntries(HOSTS.map((host) => [host, standIn.url])))
  const target = await registry()
  const image = await layout(on)
  await fakeDocker(on)
  await writeFile(join(on.workspace, 'Dockerfile'), dockerfile)
  await writeFile(join(on.workspace, 'ca.pem'), tls.cert)
  const env = { HTTPS_PROXY: tunnel.url, NODE_EXTRA_CA_CERTS: join(on.workspace, 'ca.pem') }
  const inputs = { images: `${target.host}/acme/api`, scan: 'off', retries: '0', ...more }
  const end = await on.step({ inputs, env })
  const builds = (await on.calls()).filter(({ args }) => args[1] === 'build')
  return { on, end, image, standIn, tunnel, target, builds }
}

const PLENTY = { limit: 100, remaining: 76, source: '203.0.113.7' }
const NONE = { ...PLENTY, remaining: 0 }
const LOGIN = `- username: robot\n  password: ${PASSWORD}\n  use: pull`

describe('the pull limit is asked', () => {
  test('with one HEAD when the Dockerfile takes something from Docker Hub', async () => {
    const { end, standIn, image } = await building('FROM node:22\n', { limit: PLENTY })
    expectGreen(end)
    expect(standIn.requests.map(({ method, step, repository }) => `${method} ${step} ${repository ?? ''}`)).toEqual([
      'HEAD manifest-head ratelimitpreview/test',
      'GET token ',
      'HEAD manifest-head ratelimitpreview/test',
    ])
    expect(end.main.outputs).toMatchObject({
      digest: image.root.digest,
      'rate-limit-limit': '100',
      'rate-limit-remaining': '76',
      'rate-limit-source': '203.0.113.7',
    })
    expect(Date.parse(end.main.outputs['rate-limit-reset'] ?? '')).toBeGreaterThan(Date.now())
    expect(end.main.report?.rateLimits).toMatchObject([{ registry: 'docker.io', needed: 1, windowSeconds: 21600 }])
  })

  test('with the login for pulls', async () => {
    const { end, standIn } = await building('FROM node:22\n', { limit: PLENTY }, { 'registry-auth': LOGIN })
    expectGreen(end)
    const token = standIn.requests.find(({ step }) => step === 'token')
    expect(token).toMatchObject({ authorization: 'Basic', credentials: true, status: 200 })
    expect(token?.path).toContain('repository%3Aratelimitpreview%2Ftest%3Apull')
    expect(end.main.report?.rateLimits).toMatchObject([{ identity: 'robot', remaining: 76 }])
  })

  test.each([
    ['FROM scratch\n', {}],
    ['FROM ghcr.io/acme/base:1\n', {}],
    ['FROM node:22 AS unused\nFROM scratch AS wanted\n', { target: 'wanted' }],
    ['FROM node:22\n', { 'rate-limit': 'off' }],
  ])('not at all for %j %j', async (dockerfile, more) => {
    const { end, tunnel, builds } = await building(dockerfile, { limit: NONE }, more)
    expectGreen(end)
    expect(tunnel.asked).toEqual([])
    expect(builds).toHaveLength(1)
    expect(end.main.outputs['rate-limit-limit']).toBe('')
  })
})

describe('a limit that is used up is RATE_LIMITED before docker is started', () => {
  test('and names who is counted, how many are left, when it refills and what to do', async () => {
    const { on, end, target } = await building('FROM node:22\n', { limit: NONE })
    const message = expectRed(end, 'RATE_LIMITED')
    for (const words of ['203.0.113.7', '0 of 100', 'node:22', 'refills within 6 h', 'use: pull'])
      expect(message).toContain(words)
    expect(await on.calls()).toEqual([])
    expect(target.writes()).toEqual([])
  })

  test('and names the account that is signed in', async () => {
    const { end } = await building('FROM node:22\n', { limit: NONE }, { 'registry-auth': LOGIN })
    expect(expectRed(end, 'RATE_LIMITED')).toContain('“robot”')
  })

  test('and when Docker Hub refuses even the question', async () => {
    const headers = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }
    const effect = { kind: 'status', status: 429, headers } as const
    const { on, end } = await building('FROM node:22\n', { faults: [{ step: 'manifest-head', effect }] })
    expectRed(end, 'RATE_LIMITED')
    expect(await on.calls()).toEqual([])
  })

  test('and when the rest is kept for others', async () => {
    const limit = { ...PLENTY, remaining: 5 }
    const { end } = await building('FROM node:22\n', { limit }, { 'rate-limit-reserve': '5' })
    expect(expectRed(end, 'RATE_LIMITED')).toContain('5 are kept for others')
  })

  test('and with `strict` when fewer are left than the build may need', async () => {
    const limit = { ...PLENTY, remaining: 1 }
    const more = { platforms: 'linux/amd64,linux/arm64', 'rate-limit': 'strict' }
    const { end } = await building('FROM node:22\n', { limit }, more)
    expect(expectRed(end, 'RATE_LIMITED')).toContain('2 may be needed')
  })
})

describe('the build goes on', () => {
  type Case = { readonly hub: Hub; readonly more?: Readonly<Record<string, string>>; readonly says: string }
  const silent: Fault = { step: 'manifest-head', effect: { kind: 'status', status: 500 } }
  test.each<[what: string, level: string, Case]>([
    ['when fewer are left than it may need', 'warning', { hub: { limit: { ...PLENTY, remaining: 1 } }, says: '2 may' }],
    ['for `warn`', 'warning', { hub: { limit: NONE }, more: { 'rate-limit': 'warn' }, says: '0 of 100' }],
    ['when the limit cannot be asked', 'notice', { hub: { faults: [silent] }, says: 'could not be asked' }],
  ])('%s, with a %s', async (_what, level, { hub, more, says }) => {
    const { end, builds } = await building('FROM node:22\n', hub, { platforms: 'linux/amd64,linux/arm64', ...more })
    expectGreen(end)
    expect(messagesOf(end.main.log, level).join()).toContain(says)
    expect(builds).toHaveLength(1)
  })

  test('without a word when no limit is set for us', async () => {
    const { end, standIn, builds } = await building('FROM node:22\n', {})
    expectGreen(end)
    expect(standIn.requests.length).toBeGreaterThan(0)
    expect(end.main.log.annotations.filter(({ message }) => /Docker Hub|pull/.test(message))).toEqual([])
    expect(end.main.outputs['rate-limit-limit']).toBe('')
    expect(builds).toHaveLength(1)
  })
})
