import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, mustRun, run } from '../../scripts/part/command.ts'
import { need, requirePart, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { sample } from '../scan/samples.ts'
import { writeFiles } from '../support/runner/files.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { askedDuring, craneAs, isWrite } from './stage.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ready = await need(['act', 'registry2', 'registry3', 'crane'])

const SOURCES = [
  'moby/buildkit:v0.29.0',
  'moby/buildkit:v0.30.0',
  'moby/buildkit:v0.31.0',
  'moby/buildkit:v0.31.1',
  'moby/buildkit:v0.32.0-rc1',
  'moby/buildkit:buildx-stable-1',
  'tonistiigi/binfmt:latest',
  'docker/dockerfile:1',
  'aquasecurity/trivy-db:2',
]
/** Of those the example takes the three newest releases and no others. */
const TAKEN = SOURCES.filter((name) => !/v0\.29\.0|-rc1/.test(name))

describe.skipIf(!ready)('the example of a mirror on a schedule', () => {
  let from: StartedRegistry
  let to: StartedRegistry
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-act-mirror-'))
    ;[from, to] = await Promise.all([startRegistry(3), startRegistry(2)])
    for (const name of SOURCES) await pushSource(name)
    await makeRepository()
  })

  afterAll(async () => {
    await Promise.all([from, to].map((part) => part?.stop()))
    await rm(folder, { recursive: true, force: true })
  })

  const repository = () => join(folder, 'repository')
  const remote = () => join(folder, 'remote.git')

  /** Each image is another one, for both platforms. */
  async function pushSource(name: string): Promise<void> {
    const directory = join(folder, name.replaceAll(/[/:]/g, '-'))
    const labels = { name }
    const platforms = ['linux/amd64', 'linux/arm64'].map((platform) => ({ ...sample('scratch', platform), labels }))
    await writeSampleLayout(directory, { platforms })
    await craneAs()('push', '--index', directory, `${from.host}/${name}`)
  }

  /** A repository with the action in it, and the two files of the example, which name registries of this machine. */
  async function makeRepository(): Promise<void> {
    await Promise.all([repository(), join(folder, 'temp')].map((made) => mkdir(made, { recursive: true })))
    await cp(join(ROOT, 'mirror'), join(repository(), 'mirror'), { recursive: true })
    await cp(resolve(ROOT, process.env['LADING_BUNDLE'] ?? 'dist'), join(repository(), 'dist'), { recursive: true })
    await writeFiles(repository(), {
      'mirror-config.yml': (await example('mirror-config.yml'))
        .replaceAll('ghcr.io/acme/', `${to.host}/`)
        .replaceAll(/source: (?:ghcr\.io\/)?/g, `source: ${from.host}/`),
      '.github/workflows/mirror.yml': (await example('mirror.yml'))
        .replace('OWNER/lading/mirror@v1', './mirror')
        .replace('        id: mirror\n', `        id: mirror\n        env: { RUNNER_TEMP: ${join(folder, 'temp')} }\n`),
    })
    await mustRun('git init --bare', 'git', ['init', '--quiet', '--bare', '--initial-branch=main', remote()])
    await git('init', '--quiet', '--initial-branch=main')
    await git('remote', 'add', 'origin', 'https://github.com/acme/api.git')
    await git('config', `url.${remote()}.insteadOf`, 'https://github.com/acme/api.git')
    await git('add', '.')
    const author = ['-c', 'user.name=A. Author', '-c', 'user.email=author@example.com']
    await git(...author, 'commit', '--quiet', '--message=First')
    await git('push', '--quiet', '--set-upstream', 'origin', 'main')
  }

  const example = (name: string) => readFile(join(ROOT, 'examples', name), 'utf8')

  function git(...args: readonly string[]): Promise<string> {
    return mustRun(`git ${args.join(' ')}`, 'git', args, { folder: repository() })
  }

  async function act(): Promise<Finished> {
    await git('pull', '--quiet')
    const environment = {
      HOME: join(folder, 'home'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      PATH: `${join(ROOT, 'node_modules/.bin')}:/usr/bin:/bin`,
    }
    const args = ['schedule', '-P', 'ubuntu-latest=-self-hosted']
    return run(await requirePart('act'), args, { folder: repository(), environment })
  }

  const onRemote = (...args: readonly string[]) =>
    mustRun(`git ${args.join(' ')}`, 'git', ['--git-dir', remote(), ...args])

  test('copies what it names, and commits what it remembers and what builders need', async () => {
    const { code, stdout } = await act()
    expect(code, stdout).toBe(0)
    const copied = (name: string) => `${to.host}/hub/${name}`
    for (const name of TAKEN) {
      expect(await craneAs()('digest', copied(name))).toBe(await craneAs()('digest', `${from.host}/${name}`))
    }
    const tags = await craneAs()('ls', copied('moby/buildkit'))
    expect(tags.split('\n').toSorted()).toEqual(['buildx-stable-1', 'v0.30.0', 'v0.31.0', 'v0.31.1'])
    expect(await onRemote('log', '--format=%s', 'main')).toBe('Mirror images\nFirst\n')
    const lock: { readonly images: object } = JSON.parse(await onRemote('show', 'main:mirror.lock.json'))
    expect(Object.keys(lock.images)).toEqual(TAKEN.map((name) => `${from.host}/${name}`).toSorted())
    expect(await onRemote('show', 'main:buildkitd.toml')).toContain(
      `[registry."${from.host}"]\n  mirrors = ["${to.host}/hub"]\n`,
    )
  })

  test('writes and commits nothing when nothing changed', async () => {
    const { result, asked } = await askedDuring([from, to], act)
    expect(result.code, result.stdout).toBe(0)
    expect(asked.flat().filter(isWrite)).toEqual([])
    expect(asked.flat().filter(({ method, path }) => method !== 'HEAD' && path.includes('/manifests/'))).toEqual([])
    expect(await onRemote('log', '--format=%s', 'main')).toBe('Mirror images\nFirst\n')
  })
})
