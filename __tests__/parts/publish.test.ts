import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  need,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import { writeFiles } from '../support/runner/files.ts'
import type { StepEnd } from '../support/runner.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import {
  askedDuring,
  BOTH,
  type Crane,
  configurationFor,
  craneAs,
  docker,
  expectGreen,
  expectRed,
  isWrite,
  type Machine,
  machineWith,
  makeMachine,
  methods,
  pushBase,
  sentBlobs,
  sentManifests,
  TAGS,
  toldBy,
  traces,
} from './stage.ts'

const ready = await need(['engine', 'buildx', 'registry2', 'registry3', 'trivy', 'trivy-db', 'crane'])
const USER = { username: 'pusher', password: 'a secret: with, odd "signs"' }
const CANARY = 'nobody-may-read-this'

describe.skipIf(!ready)('publishing to two real registries with a real engine', () => {
  let engine: StartedEngine
  let two: StartedRegistry
  let three: StartedRegistry
  let database: DatabaseServer
  let base: string
  let configuration: string
  let crane: Crane
  let before: readonly string[]
  let first: StepEnd

  beforeAll(async () => {
    engine = await startEngine('containerd')
    two = await startRegistry(2, { htpasswd: USER })
    three = await startRegistry(3)
    database = await serveDatabase()
    base = await pushBase(three)
    configuration = await configurationFor(await mkdtemp(join(tmpdir(), 'lading-login-')), two.host, USER)
    crane = craneAs(configuration)
    before = await traces(engine)
    const machine = await makeMachine(engine)
    await application(machine)
    first = await machine.publish(await build('acme/app'))
    await machine[Symbol.asyncDispose]()
  })

  afterAll(async () => {
    await Promise.all([engine, two, three, database].map((part) => part?.stop()))
    await rm(configuration, { recursive: true, force: true })
  })

  const names = (repository: string) => [`${two.host}/${repository}`, `${three.host}/${repository}`]

  const targets = async (repository: string) => ({
    images: names(repository),
    'registry-auth': JSON.stringify([{ registry: two.host, ...USER }]),
    'trivy-path': await requirePart('trivy'),
    'db-repository': database.repository,
  })

  const build = async (repository: string) => ({
    ...(await targets(repository)),
    platforms: BOTH,
    provenance: 'false',
  })

  async function application(machine: Machine, files: Readonly<Record<string, string>> = {}): Promise<void> {
    await writeFiles(machine.workspace, {
      Dockerfile: [
        `FROM ${base}`,
        'ARG TARGETARCH',
        'COPY shared /shared',
        'COPY app-$TARGETARCH /app',
        'LABEL own.label="a, b"',
      ].join('\n'),
      shared: 'the same on every platform\n',
      'app-amd64': 'for one platform\n',
      'app-arm64': 'for the other\n',
      ...files,
    })
  }

  test('brings what buildx wrote under three tags to both, and leaves nothing behind', async () => {
    expectGreen(first)
    expect(await traces(engine)).toEqual(before)
    const { digest, ...outputs } = first.main.outputs
    expect(first.main.log.text).toContain(`exporting manifest list ${digest} `)
    for (const name of names('acme/app')) {
      expect((await crane('ls', name)).split('\n').sort()).toEqual(TAGS)
      for (const tag of TAGS) expect(await crane('digest', `${name}:${tag}`)).toBe(digest)
      expect(await crane('validate', '--remote', `${name}:1.4.2`)).toContain('PASS')
      const config = JSON.parse(await crane('config', '--platform', 'linux/arm64', `${name}@${digest}`))
      expect(config.config.Labels).toMatchObject({
        'own.label': 'a, b',
        'org.opencontainers.image.version': '1.4.2',
        'org.opencontainers.image.source': 'https://github.com/acme/api',
        'org.opencontainers.image.created': '2026-11-20T12:00:00.000Z',
      })
    }
    expect(outputs).toMatchObject({ published: 'true', version: '1.4.2', 'scan-result': 'clean' })
    expect(first.main.report).toMatchObject({ result: 'published', references: Array(6).fill({ outcome: 'created' }) })
    for (const secret of [USER.password, Buffer.from(`${USER.username}:${USER.password}`).toString('base64')])
      expect(toldBy(first)).not.toContain(secret)
  })

  test('gives docker an image that it pulls by its digest, attestations included', async () => {
    const machine = await machineWith(engine)
    await application(machine)
    const step = await machine.publish({ ...(await targets('acme/attested')), platforms: BOTH })
    expectGreen(step)
    for (const reference of (step.main.outputs['image-refs'] ?? '').split('\n')) {
      expect(JSON.parse(await crane('manifest', reference)).manifests).toHaveLength(4)
      await docker(engine, ['pull', '--quiet', reference], configuration)
      const label = '{{index .Config.Labels "own.label"}}'
      expect(await docker(engine, ['image', 'inspect', '--format', label, reference])).toBe('a, b\n')
      await docker(engine, ['image', 'rm', reference])
    }
    expect(step.main.outputs['image-refs']).toBe(
      names('acme/attested')
        .map((name) => `${name}@${step.main.outputs['digest']}`)
        .join('\n'),
    )
  })

  test('asks by HEAD alone when the same layout is published again', async () => {
    const machine = await machineWith(engine)
    const layout = join(machine.workspace, 'finished')
    await crane('pull', '--format', 'oci', `${names('acme/app')[1]}:latest`, layout)
    const { result, asked } = await askedDuring([two, three], async () =>
      machine.publish({ ...(await targets('acme/app')), layout }),
    )
    expectGreen(result)
    expect(result.main.outputs['digest']).toBe(first.main.outputs['digest'])
    expect(result.main.report).toMatchObject({ result: 'unchanged' })
    expect(asked.map(methods)).toEqual([['HEAD'], ['HEAD']])
  })

  test('builds nothing and writes nothing when the run is repeated', async () => {
    const machine = await machineWith(engine)
    await application(machine)
    const { result, asked } = await askedDuring([two, three], async () => machine.publish(await build('acme/app')))
    expectGreen(result)
    expect(result.main.report).toMatchObject({ result: 'unchanged', digest: first.main.outputs['digest'] })
    expect(result.main.report?.phases.map(({ name }) => name)).toEqual(['check'])
    expect(asked.flat().filter(isWrite)).toEqual([])
  })

  test('writes nothing when the same sources are built again', async () => {
    const machine = await machineWith(engine)
    await application(machine)
    const { result, asked } = await askedDuring([two, three], async () =>
      machine.publish({ ...(await build('acme/app')), 'existing-tag': 'overwrite' }),
    )
    expectGreen(result)
    expect(result.main.log.text).toContain(`exporting manifest list ${first.main.outputs['digest']}`)
    const nothing = { blobs: 0, bytes: 0 }
    expect(result.main.report).toMatchObject({
      result: 'unchanged',
      registries: Array(2).fill({ uploaded: nothing, mounted: nothing }),
    })
    expect(asked.flat().filter(isWrite)).toEqual([])
  })

  test('sends one layer, its config and the manifests when one layer has changed', async () => {
    const machine = await machineWith(engine)
    await application(machine)
    await application(machine, { 'app-arm64': 'changed\n' })
    const { result, asked } = await askedDuring([two, three], async () =>
      machine.publish({ ...(await build('acme/app')), tags: 'changed', version: '1.4.2', flavor: 'latest=false' }),
    )
    expectGreen(result)
    const { digest = '', digests = '{}' } = result.main.outputs
    const changed: string = JSON.parse(digests)['linux/arm64']
    for (const [at, name] of names('acme/app').entries()) {
      const { config, layers } = JSON.parse(await crane('manifest', `${name}@${changed}`))
      const layer = layers.at(-1)
      expect(sentBlobs(asked[at] ?? [])).toEqual([config.digest, layer.digest].sort())
      expect(sentManifests(asked[at] ?? [])).toEqual([changed, digest, 'changed'].sort())
      expect(result.main.report?.registries[at]?.uploaded).toEqual({ blobs: 2, bytes: config.size + layer.size })
    }
  })

  test('hands a secret of several lines to a step of the build, and to nobody else', async () => {
    const machine = await machineWith(engine)
    // The registry is a program that Go linked statically, and its configuration is the secret.
    await cp(await requirePart('registry3'), join(machine.workspace, 'registry'))
    await writeFiles(machine.workspace, {
      Dockerfile: [
        `FROM ${base}`,
        'COPY empty /tmp/docker/registry/v2/blobs/empty',
        'COPY empty /tmp/docker/registry/v2/repositories/empty',
        'RUN --mount=type=bind,source=registry,target=/registry --mount=type=secret,id=configuration \\',
        '  ["/registry", "garbage-collect", "--dry-run", "/run/secrets/configuration"]',
      ].join('\n'),
      empty: '',
    })
    const secret = `version: 0.1 # ${CANARY}\nstorage:\n  filesystem: { rootdirectory: "/tmp" }\n`
    const inputs = await targets('acme/secret')
    expectRed(await machine.publish(inputs), 'BUILD_FAILED')
    const step = await machine.publish({ ...inputs, secrets: `"configuration=${secret.replaceAll('"', '""')}"` })
    expectGreen(step)
    expect(toldBy(step)).not.toContain(CANARY)
    expect(await filesWith(CANARY, three.directory)).toEqual([])
    expect(await filesWith('org.opencontainers.image.revision', three.directory)).not.toEqual([])
  })
})

/** The files below a folder that hold this text, as they are or unpacked. */
async function filesWith(text: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const held = await Promise.all(files.map(async (file) => unpacked(await readFile(file)).includes(text)))
  return files.filter((_, at) => held[at])
}

function unpacked(bytes: Buffer): Buffer {
  return bytes.subarray(0, 2).toString('hex') === '1f8b' ? gunzipSync(bytes) : bytes
}
