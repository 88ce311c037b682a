import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Finished, run } from '../../scripts/part/command.ts'
import { canMakeDebianRoot } from '../../scripts/part/debian-root.ts'
import { oneAtATime, partsFolder, place } from '../../scripts/part/folder.ts'
import {
  need,
  type PartName,
  pushBuilderImage,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
  trivyDatabase,
} from '../../scripts/part/index.ts'

// Engines start in less than a second, but the machine may be busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const scripts = path.resolve(import.meta.dirname, '../../scripts')
let scratch = ''

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'lading-parts-test-'))
})

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true })
})

const answers: readonly [PartName, readonly string[], RegExp][] = [
  ['trivy', ['--version'], /Version: 0\.74\./],
  ['registry2', ['--version'], /2\.8\./],
  ['registry3', ['--version'], /v?3\.\d/],
  ['act', ['--version'], /act version \d/],
  ['actionlint', ['--version'], /^v?\d+\.\d+\.\d+/],
  ['crane', ['--help'], /crane \[command\]/],
  ['oras', ['version'], /Version: +\d/],
  ['cosign', ['version'], /cosign: A tool for Container Signing/],
  ['buildx', ['version'], /buildx v?0\.\d+/],
  ['tinyproxy', ['-v'], /^tinyproxy \d/],
  ['credential-pass', ['version'], /\d+\.\d+\.\d+/],
]
for (const [name, args, expected] of answers) {
  it.skipIf(!(await need([name])))(`${name} answers`, async () => {
    const finished = await run(await requirePart(name), args)
    expect(finished.stdout + finished.stderr).toMatch(expected)
  })
}

describe.skipIf(!(await need(['registry2', 'registry3'])))('registries', () => {
  for (const version of [2, 3] as const) {
    it(`${version} starts, keeps a manifest, logs who asked for what, and is gone after stop`, async () => {
      const registry = await startRegistry(version)
      const blob = await putBlob(registry, '{}')
      const manifest = { ...empty, config: { ...empty.config, digest: blob, size: 2 } }
      const put = await fetch(`${registry.url}/v2/a/b/manifests/v1`, {
        method: 'PUT',
        headers: { 'content-type': manifest.mediaType, 'user-agent': 'tester/1 (a "b")' },
        body: JSON.stringify(manifest),
      })
      expect(put.status).toBe(201)
      const gone = await fetch(`${registry.url}/v2/a/b/manifests/${put.headers.get('docker-content-digest')}`, {
        method: 'DELETE',
      })
      expect(gone.status).toBe(202)
      const requests = await registry.requests()
      expect(requests.map((line) => `${line.method} ${line.status}`)).toEqual([
        'POST 202',
        'PUT 201',
        'PUT 201',
        'DELETE 202',
      ])
      expect(requests[2]).toMatchObject({ path: '/v2/a/b/manifests/v1', userAgent: 'tester/1 (a "b")' })
      await registry.stop()
      await expect(fetch(`${registry.url}/v2/`)).rejects.toThrow()
    })

    it(`${version} asks for a password when it was given one`, async () => {
      const registry = await startRegistry(version, { htpasswd: { username: 'someone', password: 'a b:c' } })
      const statuses = await Promise.all(
        ['someone:a b:c', 'someone:else'].map(async (user) => {
          const headers = { authorization: `Basic ${Buffer.from(user).toString('base64')}` }
          return (await fetch(`${registry.url}/v2/`, { headers })).status
        }),
      )
      expect(statuses).toEqual([200, 401])
      await registry.stop()
    })

    it(`${version} mirrors another registry`, async () => {
      const origin = await startRegistry(version)
      const blob = await putBlob(origin, 'to be mirrored')
      const mirror = await startRegistry(version, { proxyRemoteUrl: origin.url })
      const answer = await fetch(`${mirror.url}/v2/a/b/blobs/${blob}`)
      expect(await answer.text()).toBe('to be mirrored')
      await Promise.all([mirror.stop(), origin.stop()])
    })
  }

  it('keeps its data in a folder that it is given', async () => {
    const directory = path.join(scratch, 'kept')
    const first = await startRegistry(3, { directory })
    const blob = await putBlob(first, 'still here')
    await first.stop()
    const second = await startRegistry(3, { directory })
    expect((await fetch(`${second.url}/v2/a/b/blobs/${blob}`)).status).toBe(200)
    await second.stop()
  })

  it('says why it could not start', async () => {
    await expect(startRegistry(3, { tls: { cert: '/nowhere.pem', key: '/nowhere.key' } })).rejects.toThrow(
      /Could not start registry 3: it ended at once[\s\S]*nowhere\.pem/,
    )
  })
})

describe.skipIf(!(await need(['engine', 'buildx', 'trivy', 'trivy-db'])))(
  'the engine with the containerd store',
  () => {
    let engine: StartedEngine

    beforeAll(async () => {
      engine = await startEngine('containerd')
    })

    afterAll(() => engine.stop())

    it('exports an OCI layout, in which Trivy finds what the database knows', async () => {
      const layout = path.join(scratch, 'layout')
      const context = await vulnerableContext()
      const args = ['--provenance=false', '-o', `type=oci,dest=${layout},tar=false`, context]
      expect(await docker(engine, ['buildx', 'build', ...args])).toMatchObject({ code: 0 })
      expect(await readdir(layout)).toContain('index.json')
      const cache = await trivyDatabase(path.join(scratch, 'trivy'))
      const common = ['--cache-dir', cache, '--format', 'json', '--offline-scan', '--scanners', 'vuln']
      const scanned = await run(await requirePart('trivy'), ['image', '--input', layout, ...common])
      expect(scanned).toMatchObject({ code: 0 })
      expect(found(scanned.stdout)).toEqual([
        'CVE-2019-10744 CRITICAL 4.17.12',
        'CVE-2019-14697 CRITICAL 1.1.22-r3',
        'CVE-2019-1549 MEDIUM 1.1.1d-r0',
        'CVE-2019-1563 LOW 1.1.1d-r0',
        'CVE-2021-3712 HIGH ',
      ])
    })

    it('can run beside another one', async () => {
      const other = await startEngine('containerd')
      expect(await docker(other, ['version', '--format', '{{.Server.Version}}'])).toMatchObject({ code: 0 })
      await other.stop()
      expect(await docker(engine, ['version', '--format', '{{.Server.Version}}'])).toMatchObject({ code: 0 })
    })

    it('is used as it is where it runs already, and is not stopped', async () => {
      vi.stubEnv('DOCKER_HOST', engine.host)
      const same = await startEngine('containerd')
      vi.unstubAllEnvs()
      expect(same).toMatchObject({ host: engine.host, containerdStore: true })
      expect(await docker(same, ['buildx', 'version'])).toMatchObject({ code: 0 })
      await same.stop()
      expect(await docker(engine, ['version'])).toMatchObject({ code: 0 })
    })
  },
)

describe.skipIf(!(await need(['engine-graph', 'buildx', 'builder-image', 'registry2', 'crane'])))(
  'the engine with a graph driver',
  () => {
    let engine: StartedEngine
    let registry: StartedRegistry

    beforeAll(async () => {
      engine = await startEngine('graph')
      registry = await startRegistry(2)
    })

    afterAll(async () => {
      await engine.stop()
      await registry.stop()
    })

    it('refuses to export an OCI layout', async () => {
      const args = ['buildx', 'build', '-o', 'type=oci,dest=-', await plainContext()]
      const refused = await docker(engine, args)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('OCI exporter is not supported for the docker driver')
    })

    it('runs the builder image, which exports layouts, runs steps and reaches registries on 127.0.0.1', async () => {
      const image = await pushBuilderImage(registry.host)
      const options = ['--driver-opt', `image=${image}`, '--driver-opt', 'network=host']
      const create = ['buildx', 'create', '--name', 'own', '--driver', 'docker-container', ...options, '--bootstrap']
      expect(await docker(engine, create)).toMatchObject({ code: 0 })
      const inspected = await docker(engine, ['buildx', 'inspect', 'own'])
      expect(inspected.stdout).toMatch(/BuildKit version: +v0\.32/)

      const reference = `${registry.host}/built:1`
      const pushed = ['-t', reference, '--push', await stepContext()]
      expect(await docker(engine, ['buildx', 'build', '--builder', 'own', ...pushed])).toMatchObject({ code: 0 })
      const config = await run(await requirePart('crane'), ['manifest', reference])
      expect(JSON.parse(config.stdout)).toMatchObject({ schemaVersion: 2 })

      const layout = path.join(scratch, 'from-builder')
      const exported = ['-o', `type=oci,dest=${layout},tar=false`, await plainContext()]
      expect(await docker(engine, ['buildx', 'build', '--builder', 'own', ...exported])).toMatchObject({ code: 0 })
      expect(await readdir(layout)).toContain('index.json')
      expect(await docker(engine, ['buildx', 'rm', 'own'])).toMatchObject({ code: 0 })
    })
  },
)

describe.skipIf(!(canMakeDebianRoot() && (await need(['engine', 'registry2']))))(
  'after a starter that was killed',
  () => {
    it('nothing is left running and no folder stays', async () => {
      const before = await runFolders()
      const starter = spawn(process.execPath, ['--input-type=module-typescript', '--eval', STARTER], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, DOCKER_HOST: 'unix:///nowhere', PARTS_MODULE: path.join(scripts, 'part/index.ts') },
      })
      const [told] = await once(starter.stdout, 'data')
      const { socket, url }: { socket: string; url: string } = JSON.parse(String(told))
      expect((await fetch(`${url}/v2/`)).status).toBe(200)
      starter.kill('SIGKILL')
      await until(async () => (await runFolders()).every((folder) => before.includes(folder)))
      await expect(fetch(`${url}/v2/`)).rejects.toThrow()
      const commands = await run('ps', ['-eo', 'args'])
      expect(commands.stdout).not.toContain(path.basename(path.dirname(socket)))
    })
  },
)

describe('the cache folder', () => {
  it('never holds half a part', async () => {
    const target = path.join(scratch, 'part')
    const failing = place(target, async (unfinished) => {
      await writeFile(unfinished, 'half')
      throw new Error('killed')
    })
    await expect(failing).rejects.toThrow('killed')
    await writeFile(`${target}.0badcafe.unfinished`, 'of a process that was killed')
    await place(target, (unfinished) => writeFile(unfinished, 'whole'))
    expect(await readFile(target, 'utf8')).toBe('whole')
    expect((await readdir(scratch)).filter((name) => name.startsWith('part.'))).toEqual([])
  })

  it('lets one process at a time work, and takes over from one that is gone', async () => {
    const name = `test-${path.basename(scratch)}`
    const lock = path.join(partsFolder(), 'locks', name)
    await mkdir(path.dirname(lock), { recursive: true })
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 + 1, began: '1' }))
    const order: string[] = []
    const work = (label: string) => async () => {
      order.push(`${label} begins`)
      await pause(50)
      order.push(`${label} ends`)
    }
    const ignored = () => undefined
    await Promise.all([oneAtATime(name, ignored, work('one')), oneAtATime(name, ignored, work('two'))])
    expect(order).toHaveLength(4)
    expect(order[0]?.split(' ')[0]).toBe(order[1]?.split(' ')[0])
  })
})

describe('scripts/parts', () => {
  it('looks without installing, says what to do, and exits with 1 when something is absent', async () => {
    const environment = { LADING_PARTS: path.join(scratch, 'none'), LADING_TRIVY: '/nowhere/trivy' }
    const script = path.join(scripts, 'parts')
    const looked = await run(script, ['--look', '--json', 'trivy', 'actionlint'], { environment })
    expect(looked.code).toBe(1)
    expect(JSON.parse(looked.stdout)).toMatchObject([
      { name: 'trivy', found: false, remedy: 'Correct or unset LADING_TRIVY.' },
      {},
    ])
  })

  it('knows the names of the parts', async () => {
    const refused = await run(path.join(scripts, 'parts'), ['trvy'])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no part called trvy') })
  })
})

const STARTER = `
const { startEngine, startRegistry } = await import(process.env.PARTS_MODULE)
const [engine, registry] = await Promise.all([startEngine('containerd'), startRegistry(2)])
console.log(JSON.stringify({ socket: engine.host, url: registry.url }))
setInterval(() => {}, 1000)
`

const empty = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: { mediaType: 'application/vnd.oci.empty.v1+json' },
  layers: [],
}

async function putBlob(registry: StartedRegistry, content: string): Promise<string> {
  const begun = await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, { method: 'POST' })
  const hash = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(content))).toString('hex')
  const target = new URL(begun.headers.get('location') ?? '', registry.url)
  target.searchParams.set('digest', `sha256:${hash}`)
  const put = await fetch(target, { method: 'PUT', body: content })
  expect(put.status).toBe(201)
  return `sha256:${hash}`
}

function docker(engine: StartedEngine, args: readonly string[]): Promise<Finished> {
  const environment = { ...engine.env, PATH: `${engine.path}${path.delimiter}${process.env['PATH']}` }
  return run('docker', args, { environment, milliseconds: 120_000 })
}

async function contextOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = path.join(scratch, name)
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.join(folder, path.dirname(file)), { recursive: true })
    await writeFile(path.join(folder, file), content)
  }
  return folder
}

function plainContext(): Promise<string> {
  return contextOf('plain', { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
}

/** A step that executes a program: the registry is one that Go linked statically, so it runs in an empty image. */
async function stepContext(): Promise<string> {
  const folder = await contextOf('step', { Dockerfile: 'FROM scratch\nCOPY step /step\nRUN ["/step", "--version"]\n' })
  await writeFile(path.join(folder, 'step'), await readFile(await requirePart('registry3')), { mode: 0o755 })
  return folder
}

function vulnerableContext(): Promise<string> {
  return contextOf('vulnerable', {
    Dockerfile: 'FROM scratch\nCOPY . /\n',
    'etc/os-release': 'ID=alpine\nVERSION_ID=3.10.2\n',
    'lib/apk/db/installed':
      'P:musl\nV:1.1.19-r2\nA:x86_64\no:musl\n\nP:libssl1.1\nV:1.1.1c-r0\nA:x86_64\no:openssl\n\n',
    'app/node_modules/lodash/package.json': '{"name":"lodash","version":"4.17.4"}',
  })
}

type Vulnerability = { VulnerabilityID: string; Severity: string; FixedVersion?: string }

function found(report: string): readonly string[] {
  const { Results }: { Results: readonly { Vulnerabilities?: readonly Vulnerability[] }[] } = JSON.parse(report)
  const all = Results.flatMap((result) => result.Vulnerabilities ?? [])
  return all.map((one) => `${one.VulnerabilityID} ${one.Severity} ${one.FixedVersion ?? ''}`).sort()
}

async function runFolders(): Promise<readonly string[]> {
  return readdir(path.join(partsFolder(), 'run')).catch(() => [])
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    expect(tries, 'waited 10 s').toBeLessThan(200)
    await pause(50)
  }
}
