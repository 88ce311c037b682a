import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, mustRun, run } from '../../scripts/part/command.ts'
import {
  need,
  requirePart,
  type StartedEngine,
  type StartedRegistry,
  startEngine,
  startRegistry,
} from '../../scripts/part/index.ts'
import { alpine } from '../scan/samples.ts'
import { writeFiles } from '../support/runner/files.ts'
import { type DatabaseServer, serveDatabase } from '../support/trivy-database.ts'
import { craneAs } from './stage.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ready = await need(['act', 'engine', 'buildx', 'registry3', 'trivy', 'trivy-db', 'crane'])

describe.skipIf(!ready)('a workflow', () => {
  let engine: StartedEngine
  let registry: StartedRegistry
  let database: DatabaseServer
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-act-'))
    engine = await startEngine('containerd')
    registry = await startRegistry(3)
    database = await serveDatabase()
    await makeRepository()
  })

  afterAll(async () => {
    await Promise.all([engine, registry, database].map((part) => part?.stop()))
    await rm(folder, { recursive: true, force: true })
  })

  const repository = () => join(folder, 'repository')
  const note = (name: string) => join(folder, 'notes', name)

  /** A repository with the action in it, as a checkout of the action is, with two applications and a workflow. */
  async function makeRepository(): Promise<void> {
    await Promise.all([repository(), note(''), join(folder, 'temp')].map((made) => mkdir(made, { recursive: true })))
    await cp(join(ROOT, 'action.yml'), join(repository(), 'action.yml'))
    await cp(resolve(ROOT, process.env['LADING_BUNDLE'] ?? 'dist'), join(repository(), 'dist'), { recursive: true })
    await writeFiles(repository(), {
      ...application('good', '1.1.22-r3'),
      ...application('bad', '1.1.19-r2'),
      '.github/workflows/image.yml': await workflow(),
    })
    await writeFiles(folder, { 'event.json': JSON.stringify({ ref: 'refs/tags/v1.4.2', repository: { name: 'api' } }) })
    await git('init', '--quiet', '--initial-branch=main')
    await git('remote', 'add', 'origin', 'https://github.com/acme/api.git')
    await git('add', '.')
    await git(
      '-c',
      'user.name=A. Author',
      '-c',
      'user.email=author@example.com',
      'commit',
      '--quiet',
      '--message=First',
    )
    await git('tag', 'v1.4.2')
  }

  function git(...args: readonly string[]): Promise<string> {
    return mustRun(`git ${args.join(' ')}`, 'git', args, { folder: repository() })
  }

  async function workflow(): Promise<string> {
    const trivy = await requirePart('trivy')
    const publish = (context: string) => `
      - uses: actions/checkout@v5
      - uses: ./
        id: image
        with:
          images: ${registry.host}/acme/${context}
          context: ${context}
          platforms: linux/amd64,linux/arm64
          trivy-path: ${trivy}
          db-repository: ${database.repository}
        env:
          RUNNER_TEMP: ${join(folder, 'temp')}`
    return `
name: Image
on: push
jobs:
  good:
    runs-on: ubuntu-latest
    steps:${publish('good')}
      - env:
          DIGEST: \${{ steps.image.outputs.digest }}
          TAGS: \${{ steps.image.outputs.tag-names }}
          SUBJECT: \${{ fromJSON(steps.image.outputs.subjects)[0].name }}
        run: |
          printf %s "$DIGEST" >'${note('digest')}'
          printf %s "$TAGS" >'${note('tags')}'
          printf %s "$SUBJECT" >'${note('subject')}'
          ls '${join(folder, 'temp')}' >'${note('during')}'
  bad:
    runs-on: ubuntu-latest
    steps:${publish('bad')}
      - run: touch '${note('must-not-run')}'
      - if: failure() && steps.image.outputs.failure-reason == 'SCAN_FINDINGS'
        env:
          REASON: \${{ steps.image.outputs.failure-reason }}
        run: printf %s "$REASON" >'${note('reason')}'
`
  }

  async function act(job: string): Promise<Finished> {
    const args = ['push', '--job', job, '-P', 'ubuntu-latest=-self-hosted', '--eventpath', join(folder, 'event.json')]
    const forSteps = Object.entries(engine.env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
    const environment = {
      HOME: join(folder, 'home'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      PATH: `${join(ROOT, 'node_modules/.bin')}:${engine.path}:/usr/bin:/bin`,
    }
    return run(await requirePart('act'), [...args, ...forSteps], { folder: repository(), environment })
  }

  const read = (name: string) => readFile(note(name), 'utf8')

  test('publishes with the action from its checkout, and a later step has the outputs', async () => {
    const { code, stdout } = await act('good')
    expect(code, stdout).toBe(0)
    const name = `${registry.host}/acme/good`
    expect(await read('digest')).toBe(await craneAs()('digest', `${name}:1.4.2`))
    expect(await read('tags')).toMatch(/^1\.4\.2\n1\.4\.2-[0-9a-f]{7}\nlatest$/)
    expect(await read('subject')).toBe(name)
    expect(stdout).toContain('publish acme/api 1.4.2')
    // The private folder is there until post, which act runs at the end of the job.
    expect(await read('during')).toMatch(/^lading-[0-9a-f]{16}$/m)
    expect(stdout).toContain('Success - Post ./')
    expect(await temporaryFolders()).toEqual([])
  })

  test('is red for a refused image, and a later step knows why', async () => {
    const { code, stdout } = await act('bad')
    expect(code, stdout).toBe(1)
    expect(await read('reason')).toBe('SCAN_FINDINGS')
    await expect(read('must-not-run')).rejects.toThrow('ENOENT')
    expect(stdout.split('::error::')).toHaveLength(2)
    expect(await craneAs()('catalog', registry.host)).not.toContain('acme/bad')
    expect(stdout).toContain('Success - Post ./')
    expect(await temporaryFolders()).toEqual([])
  })

  async function temporaryFolders(): Promise<readonly string[]> {
    return (await readdir(join(folder, 'temp'))).filter((name) => !/^lading-(?:report|bake|scan)/.test(name))
  }
})

/** An application on an Alpine that has this musl. */
function application(context: string, musl: string): Readonly<Record<string, string>> {
  const files = Object.entries(alpine({ musl }).files).map(([name, text]) => [`${context}/${name}`, text.toString()])
  return { ...Object.fromEntries(files), [`${context}/Dockerfile`]: 'FROM scratch\nCOPY . /\n' }
}
