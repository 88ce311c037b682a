import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FakeDocker } from './programs.ts'
import { fakeDocker, fakeTrivy, finding, TRIVY, vulnerability } from './programs.ts'
import { expectGreen, expectRed, layout, registry, runner, shown } from './stage.ts'

async function built(fake: FakeDocker | undefined, more: Readonly<Record<string, string>> = {}) {
  const on = await runner()
  const one = await registry()
  const image = await layout(on)
  await fakeTrivy(on)
  if (fake !== undefined) await fakeDocker(on, fake)
  await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\nCOPY . /\n')
  const end = await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api`, ...more } })
  return { on, one, image, end }
}

describe('a build', () => {
  test('is made once, with the inputs as arguments, and its bytes are what is published', async () => {
    const more = {
      platforms: 'linux/amd64,linux/arm64',
      'build-args': 'A=b c',
      labels: 'team=ships',
      target: 'final',
      annotations: 'manifest:team=ships',
    }
    const { on, one, image, end } = await built({}, { ...more, provenance: 'false' })
    expectGreen(end)
    expect(shown(one, 'acme/api', 'latest')).toBe(image.root.digest)
    const builds = (await on.calls()).filter(({ args }) => args[1] === 'build')
    expect(builds).toHaveLength(1)
    const args = builds[0]?.args ?? []
    for (const pair of [
      ['--platform', 'linux/amd64,linux/arm64'],
      ['--build-arg', 'A=b c'],
      ['--label', 'team=ships'],
      ['--label', 'org.opencontainers.image.version=1.2.3'],
      ['--annotation', 'manifest:org.opencontainers.image.version=1.2.3'],
      ['--annotation', 'index:org.opencontainers.image.version=1.2.3'],
      ['--annotation', 'manifest:team=ships'],
      ['--target', 'final'],
      ['--provenance', 'false'],
    ])
      expect(args.some((arg, at) => arg === pair[0] && args[at + 1] === pair[1])).toBe(true)
    expect(args.at(-1)).toBe(on.workspace)
    const { labels, annotations, version } = end.main.outputs
    expect(labels).toContain('team=ships')
    expect(annotations?.split('\n').slice(-1)).toEqual(['index:org.opencontainers.image.version=1.2.3'])
    const bake: unknown = JSON.parse(await readFile(end.main.outputs['bake-file'] ?? '', 'utf8'))
    expect(bake).toMatchObject({
      target: {
        'docker-metadata-action': {
          tags: end.main.outputs['tags']?.split('\n'),
          labels: { team: 'ships' },
          annotations: annotations?.split('\n'),
          args: { DOCKER_META_IMAGES: `${one.host}/acme/api`, DOCKER_META_VERSION: version },
        },
      },
    })
    expect(end.main.log.groups).toContain('Build')
  })

  test('that fails is BUILD_FAILED with its last lines, and the progress is in the log', async () => {
    const build = `console.error('#5 [2/2] RUN make\\n#5 0.1 make: no rule\\nERROR: failed to solve: exit code: 2'); process.exit(1)`
    const { one, end } = await built({ build })
    const message = expectRed(end, 'BUILD_FAILED')
    for (const words of ['make: no rule', 'failed to solve: exit code: 2']) expect(message).toContain(words)
    expect(end.main.log.text).toContain('#5 [2/2] RUN make')
    expect(one.writes()).toEqual([])
  })

  test.each<[code: string, what: string, line: string]>([
    ['DISK_FULL', 'has no space left', 'ERROR: failed to solve: write /x: no space left on device'],
    [
      'RATE_LIMITED',
      'is refused by Docker Hub',
      'ERROR: failed to solve: toomanyrequests: You have reached your unauthenticated pull rate limit.',
    ],
  ])('is %s when it %s', async (code, _what, line) => {
    const { end } = await built({ build: `console.error(${JSON.stringify(line)}); process.exit(1)` })
    expectRed(end, code)
  })

  test.each<[what: string, fake: FakeDocker | undefined, more: Readonly<Record<string, string>>, says: string]>([
    ['without docker', undefined, {}, 'no program docker'],
    [
      'with an engine that does not answer',
      { info: `console.error('Cannot connect to the Docker daemon'); process.exit(1)` },
      {},
      'Cannot connect',
    ],
    [
      'with a named builder that cannot export',
      { info: `console.log('[["Backing Filesystem","extfs"]]')` },
      { builder: 'default' },
      'cannot export',
    ],
    [
      'when a builder cannot be made',
      {
        info: `console.log('[["Backing Filesystem","extfs"]]')`,
        create: `console.error('ERROR: no such image'); process.exit(1)`,
      },
      {},
      'no such image',
    ],
  ])('is BUILDER_MISSING %s', async (_what, fake, more, says) => {
    const { one, end } = await built(fake, more)
    expect(expectRed(end, 'BUILDER_MISSING')).toContain(says)
    expect(one.writes()).toEqual([])
  })

  test('makes a builder where the current one cannot export, and post removes it', async () => {
    const { on, end } = await built({ info: `console.log('[["Backing Filesystem","extfs"]]')` })
    expectGreen(end)
    const calls = (await on.calls()).filter(({ args }) => ['create', 'rm', 'build'].includes(args[1] ?? ''))
    expect(calls.map(({ args }) => args[1])).toEqual(['create', 'build', 'rm'])
    const [create, build, remove] = calls.map(({ args }) => args)
    const name = create?.[create.indexOf('--name') + 1]
    expect([build?.[build.indexOf('--builder') + 1], remove?.at(-1)]).toEqual([name, name])
  })

  test('whose image is refused leaves nothing behind', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    await fakeDocker(on)
    await fakeTrivy(on, { scan: finding(vulnerability()) })
    await writeFile(join(on.workspace, 'Dockerfile'), 'FROM scratch\n')
    expectRed(await on.step({ inputs: { ...TRIVY, images: `${one.host}/acme/api` } }), 'SCAN_FINDINGS')
    expect(one.writes()).toEqual([])
  })
})

describe("a runner's file on a full disk", () => {
  test('makes the step red when the outputs are lost', async () => {
    const on = await runner()
    await layout(on)
    const inputs = { images: `${(await registry()).host}/acme/api`, layout: 'layout', scan: 'off' }
    const { main } = await on.step({ inputs, env: { GITHUB_OUTPUT: '/dev/full' } })
    expect(main.exitCode).toBe(1)
    expect(main.log.annotations.map(({ level, message }) => [level, message.includes('(DISK_FULL)')])).toEqual([
      ['error', true],
    ])
  })

  test('is a warning when the summary is lost', async () => {
    const on = await runner()
    await layout(on)
    const inputs = { images: `${(await registry()).host}/acme/api`, layout: 'layout', scan: 'off' }
    const { main } = await on.step({ inputs, env: { GITHUB_STEP_SUMMARY: '/dev/full' } })
    expect([main.exitCode, main.outputs['published']]).toEqual([0, 'true'])
    expect(main.log.annotations.map(({ level }) => level)).toEqual(['warning'])
  })

  test('stops the step at its beginning when post could not find what to clean up', async () => {
    const on = await runner()
    const one = await registry()
    await layout(on)
    const inputs = { images: `${one.host}/acme/api`, layout: 'layout', scan: 'off' }
    const { main } = await on.step({ inputs, env: { GITHUB_STATE: '/dev/full' } })
    expect(main.exitCode).toBe(1)
    expect(main.log.annotations.map(({ level, message }) => [level, message.includes('(DISK_FULL)')])).toEqual([
      ['error', true],
    ])
    expect(one.requests).toEqual([])
  })
})

test('a folder for the report that cannot be made is told, and outputs agree with the exit code', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  await writeFile(join(on.workspace, 'reports'), 'a file')
  const inputs = { images: `${one.host}/acme/api`, layout: 'layout', scan: 'off', 'report-dir': 'reports' }
  const { main } = await on.step({ inputs })
  expect(main.exitCode).toBe(1)
  expect(main.log.annotations.map(({ level }) => level)).toEqual(['error'])
  expect(main.outputs).toMatchObject({ published: 'false', 'failure-reason': 'INPUT_INVALID', 'report-file': '' })
  expect(JSON.parse(main.outputs['pushed'] ?? '')).toHaveLength(3)
})
