import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AccessLine,
  need,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import { filesWith, type Job, reportOf, toldBy } from './job.ts'
import {
  askedDuring,
  BOTH,
  configurationFor,
  craneAs,
  docker,
  isWrite,
  jobWith,
  keepLayout,
  methods,
  pushBase,
  traces,
  write,
} from './stage.ts'

const ready = await need(['engine', 'buildx', 'registry2', 'registry3', 'trivy', 'trivy-db', 'crane'])
const USER = { username: 'pusher', password: 'a secret: with, odd "signs"' }
const TAGS = ['1.4.2', '1.4.2-90dd603', 'latest']

describe.skipIf(!ready)('publishing to two real registries with a real engine', () => {
  let engine: StartedEngine
  let two: StartedRegistry
  let three: StartedRegistry
  let database: DatabaseServer
  let base: string
  let folder: string
  let configuration: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-publish-'))
    engine = await startEngine('containerd')
    two = await startRegistry(2, { htpasswd: USER })
    three = await startRegistry(3)
    database = await serveDatabase()
    base = await pushBase(three)
    configuration = await configurationFor(join(folder, 'configuration'), two.host, USER)
  })

  afterAll(async () => {
    await Promise.all([engine, two, three, database].map((part) => part?.stop()))
    await rm(folder, { recursive: true, force: true })
  })

  const names = (repository: string) => [`${two.host}/${repository}`, `${three.host}/${repository}`]

  const inputs = async (repository: string) => ({
    images: names(repository),
    'registry-auth': JSON.stringify([{ registry: two.host, ...USER }]),
    'trivy-path': await requirePart('trivy'),
    'db-repository': database.repository,
    platforms: BOTH,
    provenance: 'false',
  })

  async function application(job: Job, files: Readonly<Record<string, string>> = {}): Promise<void> {
    await write(job.workspace, {
      Dockerfile: `FROM ${base}\nARG TARGETARCH\nCOPY shared /shared\nCOPY app-$TARGETARCH /app\nLABEL own.label="a, b"\n`,
      shared: 'the same on every platform\n',
      'app-amd64': 'for one platform\n',
      'app-arm64': 'for the other\n',
      ...files,
    })
  }

  const crane = () => craneAs(configuration)

  test('brings what buildx wrote under three tags to both, and leaves nothing behind', async () => {
    const job = await jobWith(engine)
    await application(job)
    const before = await traces(engine)
    const step = await job.main(await inputs('acme/first'))
    expect(step, step.log).toMatchObject({ code: 0, annotations: [] })

    const { digest } = step.outputs
    const built = JSON.parse(await readFile(join(step.scratch, 'layout', 'index.json'), 'utf8'))
    const metadata = JSON.parse(await readFile(join(step.scratch, 'build-metadata.json'), 'utf8'))
    expect([built.manifests[0].digest, metadata['containerimage.digest']]).toEqual([digest, digest])
    for (const name of names('acme/first')) {
      expect((await crane()('ls', name)).split('\n').sort()).toEqual(TAGS)
      for (const tag of TAGS) expect(await crane()('digest', `${name}:${tag}`)).toBe(digest)
      expect(await crane()('validate', '--remote', `${name}:1.4.2`)).toContain('PASS')
      const config = JSON.parse(await crane()('config', '--platform', 'linux/arm64', `${name}@${digest}`))
      expect(config.config.Labels).toMatchObject({
        'own.label': 'a, b',
        'org.opencontainers.image.version': '1.4.2',
        'org.opencontainers.image.source': 'https://github.com/acme/api',
        'org.opencontainers.image.created': '2026-11-20T12:00:00.000Z',
      })
    }
    expect(step.outputs).toMatchObject({ published: 'true', version: '1.4.2', 'scan-result': 'clean' })
    expect(reportOf(step)).toMatchObject({ result: 'published', references: Array(6).fill({ outcome: 'created' }) })

    expect(await job.post(step)).toMatchObject({ code: 0, annotations: [] })
    expect(await traces(engine)).toEqual(before)
    expect(await readdir(job.home)).toEqual([])
    expect(await readdir(job.temp)).toEqual(['lading-report.json'])
    expect(toldBy(step)).not.toContain(USER.password)
    expect(toldBy(step)).not.toContain(Buffer.from(`${USER.username}:${USER.password}`).toString('base64'))
  })

  test('gives docker an image that it pulls by its digest, attestations included', async () => {
    const job = await jobWith(engine)
    await application(job)
    const { provenance: _, ...rest } = await inputs('acme/attested')
    const step = await job.main(rest)
    expect(step, step.log).toMatchObject({ code: 0 })
    await job.post(step)
    const index = JSON.parse(await crane()('manifest', `${names('acme/attested')[0]}:latest`))
    expect(index.manifests).toHaveLength(4)
    for (const name of names('acme/attested')) {
      expect(await crane()('digest', `${name}:latest`)).toBe(step.outputs['digest'])
      const reference = `${name}@${step.outputs['digest']}`
      await docker(engine, ['pull', '--quiet', reference], configuration)
      const label = '{{index .Config.Labels "own.label"}}'
      expect(await docker(engine, ['image', 'inspect', '--format', label, reference])).toBe('a, b\n')
      await docker(engine, ['image', 'rm', reference])
    }
  })

  test('asks by HEAD alone when the same layout is published again', async () => {
    const job = await jobWith(engine)
    await application(job)
    const first = await job.main(await inputs('acme/again'))
    expect(first, first.log).toMatchObject({ code: 0 })
    const layout = await keepLayout(first, join(job.workspace, 'finished'))
    await job.post(first)
    const { platforms: _, provenance: __, ...rest } = await inputs('acme/again')
    const { result, asked } = await askedDuring([two, three], () => job.main({ ...rest, layout }))
    expect(result, result.log).toMatchObject({ code: 0, outputs: { digest: first.outputs['digest'] } })
    expect(reportOf(result)).toMatchObject({ result: 'unchanged' })
    expect(asked.map(methods)).toEqual([['HEAD'], ['HEAD']])
  })

  test('writes nothing when the same sources are built again', async () => {
    const job = await jobWith(engine)
    await application(job)
    const first = await job.main(await inputs('acme/rebuilt'))
    await job.post(first)
    const { result, asked } = await askedDuring([two, three], async () => job.main(await inputs('acme/rebuilt')))
    expect(result, result.log).toMatchObject({ code: 0, outputs: { digest: first.outputs['digest'] } })
    expect(result.log).toContain('exporting to')
    expect(reportOf(result)).toMatchObject({
      result: 'unchanged',
      registries: Array(2).fill({ uploaded: { blobs: 0, bytes: 0 } }),
    })
    expect(asked.flat().filter(isWrite)).toEqual([])
    await job.post(result)
  })

  test('sends one layer, its config and the manifests when one layer has changed', async () => {
    const job = await jobWith(engine)
    await application(job)
    const first = await job.main(await inputs('acme/changed'))
    await job.post(first)
    await application(job, { 'app-arm64': 'changed\n' })
    const { result, asked } = await askedDuring([two, three], async () => job.main(await inputs('acme/changed')))
    expect(result, result.log).toMatchObject({ code: 0, annotations: [] })
    await job.post(result)
    const { platforms, registries, digest } = reportOf(result)
    const changed = platforms.find(({ platform }) => platform === 'linux/arm64')?.digest ?? ''
    for (const [at, name] of names('acme/changed').entries()) {
      const manifest = JSON.parse(await crane()('manifest', `${name}@${changed}`))
      const layer = manifest.layers.at(-1)
      expect(sentBlobs(asked[at] ?? [])).toEqual([manifest.config.digest, layer.digest].sort())
      expect(sentManifests(asked[at] ?? [])).toEqual([changed, digest, ...TAGS].sort())
      expect(registries[at]?.uploaded).toEqual({ blobs: 2, bytes: manifest.config.size + layer.size })
    }
  })

  test('hands a secret of several lines to a step of the build, and to nobody else', async () => {
    const job = await jobWith(engine)
    // The registry is a program that Go linked statically, and its configuration is the secret.
    await cp(await requirePart('registry3'), join(job.workspace, 'registry'))
    await write(job.workspace, {
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
    const { platforms: _, ...rest } = await inputs('acme/secret')
    const without = await job.main(rest)
    expect(without.outputs['failure-reason'], without.log).toBe('BUILD_FAILED')
    await job.post(without)
    const step = await job.main({ ...rest, secrets: `"configuration=${secret.replaceAll('"', '""')}"` })
    expect(step, step.log).toMatchObject({ code: 0 })
    expect(toldBy(step)).not.toContain(CANARY)
    const blobs = await readdir(join(step.scratch, 'layout', 'blobs', 'sha256'))
    for (const blob of blobs) {
      const bytes = await readFile(join(step.scratch, 'layout', 'blobs', 'sha256', blob))
      expect((isGzip(bytes) ? gunzipSync(bytes) : bytes).includes(CANARY)).toBe(false)
    }
    await job.post(step)
    expect(await filesWith(CANARY, job.temp, job.home)).toEqual([])
  })
})

const CANARY = 'nobody-may-read-this'

function isGzip(bytes: Buffer): boolean {
  return bytes.subarray(0, 2).toString('hex') === '1f8b'
}

/** The digests of blobs that ended their upload. */
function sentBlobs(asked: readonly AccessLine[]): readonly string[] {
  const puts = asked.filter(({ method, path }) => method === 'PUT' && path.includes('/blobs/uploads/'))
  return puts.map(({ path }) => new URL(path, 'http://registry').searchParams.get('digest') ?? '').sort()
}

/** The tags and digests under which manifests were put. */
function sentManifests(asked: readonly AccessLine[]): readonly string[] {
  const puts = asked.filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/'))
  return puts.map(({ path }) => path.split('/').at(-1) ?? '').sort()
}
