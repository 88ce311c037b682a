import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, run } from '../../scripts/part/command.ts'
import {
  need,
  pushBuilderImage,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import { layout, registry, runner } from '../scenarios/stage.ts'
import { openTunnel } from '../scenarios/tunnel.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'
import { writeFiles } from '../support/runner/files.ts'
import { blobPath, type SampleLayout } from '../support/sample-layout.ts'
import { configurationFor, docker } from './stage.ts'
import { startTokenFront } from './stage-token-front.ts'

const ready = await need(['engine-graph', 'buildx', 'registry2', 'crane', 'builder-image'])

const HOSTS = ['registry-1.docker.io', 'auth.docker.io']
const ROBOT = { username: 'robot', password: 'a password of the tests' }
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9'
const DOCKERFILE = 'FROM node:22\nCOPY hello /\n'

describe.skipIf(!ready)('a build that takes its base from a mirror behind tokens, and cannot reach Docker Hub', () => {
  let engine: StartedEngine
  let images: StartedRegistry
  let buildkit: string
  let builders = 0

  beforeAll(async () => {
    engine = await startEngine('graph')
    images = await startRegistry(2)
    buildkit = await pushBuilderImage(images.host)
  })

  afterAll(async () => {
    await Promise.all([engine, images].map((part) => part?.stop()))
  })

  test('is told the way by `buildkitd-config`', async () => {
    const mirror = await mirrored({ path: 'hub/library/node', mayAsk: () => true })
    expect(mirror.config).toBe(
      `[registry."docker.io"]\n  mirrors = ["${mirror.host}/hub"]\n\n[registry."${mirror.host}"]\n  http = true\n`,
    )
    const built = await build(mirror)
    expect(built.ended.code, built.ended.stderr).toBe(0)
    expect(await built.files()).toEqual(['22\n', 'hello\n'])
    expect(mirror.read()).toContain('hub/library/node')
    // BuildKit asks for the name that the image has at home as well, whatever the mirror calls it.
    expect(new Set(mirror.tokens().flat())).toEqual(
      new Set(['repository:library/node:pull', 'repository:hub/library/node:pull']),
    )
  })

  test('fails without it', async () => {
    const mirror = await mirrored({ path: 'hub/library/node', mayAsk: () => true })
    const built = await build({ ...mirror, config: '' })
    expect(built.ended.code).not.toBe(0)
    expect(built.ended.stderr).toMatch(/registry-1\.docker\.io.*(?:proxyconnect|connection refused)/)
    expect(mirror.read()).toEqual([])
  })

  const knowsOwn = (scope: string) => scope.startsWith('repository:hub/')

  test('fails where the token service refuses repositories that it does not have', async () => {
    const mirror = await mirrored({ path: 'hub/library/node', mayAsk: knowsOwn })
    const built = await build(mirror)
    expect(built.ended.code).not.toBe(0)
    expect(mirror.tokens()).toContainEqual(
      expect.arrayContaining(['repository:library/node:pull', 'repository:hub/library/node:pull']),
    )
    expect(mirror.read()).toEqual([])
  })

  test('takes it by `--build-context` from there', async () => {
    const mirror = await mirrored({ path: 'hub/library/node', mayAsk: knowsOwn })
    const context = `node:22=docker-image://${mirror.host}/hub/library/node:22@${mirror.digest}`
    const built = await build({ ...mirror, config: plainOnly(mirror.host) }, ['--build-context', context])
    expect(built.ended.code, built.ended.stderr).toBe(0)
    expect(await built.files()).toEqual(['22\n', 'hello\n'])
    expect(new Set(mirror.tokens().flat())).toEqual(new Set(['repository:hub/library/node:pull']))
  })

  test('or by `buildkitd-config`, when the mirror calls it what it is called at home', async () => {
    const mirror = await mirrored({ path: 'library/node', mayAsk: (scope) => scope.startsWith('repository:library/') })
    expect(mirror.config).toContain(`mirrors = ["${mirror.host}"]`)
    const built = await build(mirror)
    expect(built.ended.code, built.ended.stderr).toBe(0)
    expect(await built.files()).toEqual(['22\n', 'hello\n'])
  })

  type Wish = { readonly path: string; readonly mayAsk: (scope: string) => boolean }

  /** The action, to which that service is as strict, copies `node:22` from a stand-in of Docker Hub to a registry with a token service. */
  async function mirrored({ path, mayAsk }: Wish) {
    const on = await runner()
    const tls = selfSignedCertificate(HOSTS)
    const hub = await registry({ tls, auth: { kind: 'token', users: {}, anonymous: 'pull' } })
    const node = await layout(on, {
      platforms: [{ platform: 'linux/amd64', layers: [{ files: { version: '22\n' } }] }],
      index: 'always',
    })
    await fill(hub, node)
    const front = await startTokenFront(mayAsk)
    const users = { [ROBOT.username]: { password: ROBOT.password } }
    const target = await registry({ auth: { kind: 'token', users, realm: front.realm } })
    front.lead(target.url)
    const tunnel = await openTunnel(Object.fromEntries(HOSTS.map((host) => [host, hub.url])))
    await writeFiles(on.workspace, { 'ca.pem': tls.cert })
    const login = `- registry: ${target.host}\n  username: ${ROBOT.username}\n  password: ${ROBOT.password}`
    const end = await on.step({
      action: 'mirror',
      inputs: { images: `node:22 => ${target.host}/${path}`, 'registry-auth': login },
      env: { HTTPS_PROXY: tunnel.url, NODE_EXTRA_CA_CERTS: join(on.workspace, 'ca.pem') },
    })
    expect(end.main.exitCode, end.main.log.text).toBe(0)
    const config = end.main.outputs['buildkitd-config'] ?? ''
    target.reset()
    const before = front.asked.length
    return {
      on,
      host: target.host,
      config,
      digest: node.root.digest,
      /** what was asked for after the mirror was made */
      tokens: () => front.asked.slice(before),
      /** repositories that something was read from, each once */
      read: () => [
        ...new Set(
          target.requests
            .filter(({ method, status }) => method === 'GET' && status === 200)
            .flatMap(({ repository }) => repository ?? []),
        ),
      ],
    }
  }

  type Mirror = Pick<Awaited<ReturnType<typeof mirrored>>, 'on' | 'host' | 'config'>

  /** Builds with a new builder of that configuration, from which no way leads to Docker Hub. */
  async function build({ on, host, config }: Mirror, more: readonly string[] = []) {
    builders += 1
    const name = `use-${builders}`
    const client = engine.env['DOCKER_CONFIG'] ?? ''
    await configurationFor(client, host, ROBOT)
    await writeFiles(on.workspace, { 'app/Dockerfile': DOCKERFILE, 'app/hello': 'hello\n', 'buildkitd.toml': config })
    const options = [`image=${buildkit}`, 'network=host', `env.HTTPS_PROXY=${NOWHERE}`, `env.HTTP_PROXY=${NOWHERE}`]
    const driver = ['--driver', 'docker-container', ...options.flatMap((option) => ['--driver-opt', option])]
    const settings = ['--buildkitd-config', join(on.workspace, 'buildkitd.toml')]
    await docker(engine, ['buildx', 'create', '--name', name, ...driver, ...settings, '--bootstrap'])
    const output = join(on.workspace, 'built')
    const args = ['--builder', name, '--output', `type=local,dest=${output}`, '--provenance=false', ...more]
    const ended: Finished = await run('docker', ['buildx', 'build', ...args, join(on.workspace, 'app')], {
      environment: { ...engine.env, PATH: `${engine.path}:/usr/bin:/bin` },
    })
    await docker(engine, ['buildx', 'rm', '--force', name])
    const files = () => Promise.all(['version', 'hello'].map((file) => readFile(join(output, file), 'utf8')))
    return { ended, files }
  }
})

/** Where the mirror is not asked in the place of another, only that it speaks plain http is to be said. */
function plainOnly(host: string): string {
  return `[registry."${host}"]\n  http = true\n`
}

async function fill(hub: InProcessRegistry, { directory, root, platforms }: SampleLayout): Promise<void> {
  const bytes = (digest: SampleLayout['root']['digest']) => readFile(blobPath(directory, digest))
  for (const { manifest, config, layers } of platforms) {
    const blobs = await Promise.all([config, ...layers].map(({ digest }) => bytes(digest)))
    hub.put('library/node', { manifest: await bytes(manifest.digest), blobs })
  }
  hub.put('library/node', { manifest: await bytes(root.digest), tag: '22' })
}
