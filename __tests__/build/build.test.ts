import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type BuildRun, buildImage } from '../../src/build/build.ts'
import type { Ended } from '../../src/edges.ts'
import { buildRequest, listeningReporter, makeWorld, quickClock, rejection, runProgram, type World } from './world.ts'

function around(world: World, changes: Partial<BuildRun> = {}): BuildRun {
  return {
    exec: runProgram,
    reporter: listeningReporter(),
    clock: quickClock(),
    env: world.env,
    builder: 'mine',
    labels: {},
    annotations: {},
    directory: join(world.directory, 'layout'),
    metadataFile: join(world.directory, 'meta.json'),
    ...changes,
  }
}

test('buildImage streams the progress into a group and gives back the layout', async () => {
  await using world = await makeWorld()
  const reporter = listeningReporter()
  const noise = 'ERROR: (*service).Write failed error="rpc error: ref layer-1 locked for 1ms: unavailable"'
  await world.program('docker', `printf '#1 \\033[32mhello\\033[0m\\n${noise}\\n#2 DONE 0.1s\\n' >&2`)
  const run = around(world, { reporter })
  expect(await buildImage(buildRequest(), run)).toEqual({ directory: run.directory })
  expect(reporter.lines).toEqual(['group: Build', '#1 hello', '#2 DONE 0.1s'])
  expect((await stat(run.directory)).mode & 0o777).toBe(0o700)
})

const failing = (text: string) => `cat >&2 <<'EOF'\n${text}\nEOF\nexit 1`
const LIMIT =
  'ERROR: failed to solve: alpine: 429 Too Many Requests - toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit'

describe('buildImage fails with', () => {
  test.each<[string, string, string, string]>([
    [
      'BUILD_FAILED',
      'a failing step',
      '#5 0.1 boom\n#5 ERROR: exit code: 3\nERROR: failed to solve: exit code: 3',
      'with the builder mine: failed to solve: exit code: 3\n#5 0.1 boom',
    ],
    ['BUILD_FAILED', 'no word at all', '', 'docker buildx build ended with exit code 1'],
    [
      'DISK_FULL',
      'a full disk',
      '#5 0.3 write /x: no space left on device\nERROR: failed to solve: exit code: 1',
      'no space left on device',
    ],
    ['RATE_LIMITED', 'a used-up pull limit', LIMIT, 'Docker Hub refuses more pulls'],
    [
      'BUILD_FAILED',
      'a step that only prints about limits',
      '#5 0.1 see https://www.docker.com/increase-rate-limit\nERROR: x',
      'x',
    ],
  ])('%s for %s', async (code, _name, text, message) => {
    await using world = await makeWorld()
    await world.program('docker', failing(text))
    const error = await rejection(buildImage(buildRequest(), around(world)))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
  })

  test('the last twenty useful lines, and not what went well', async () => {
    await using world = await makeWorld()
    const steps = Array.from({ length: 60 }, (_, n) => `#${n} line ${n}\n#${n} DONE 0.1s\n#${n} CACHED`)
    await world.program('docker', failing([...steps, '------', 'ERROR: bad'].join('\n')))
    const { message } = await rejection(buildImage(buildRequest({ platforms: ['linux/amd64'] }), around(world)))
    const [first, ...rest] = message.split('\n')
    expect(first).toBe('building the image for linux/amd64 with the builder mine: bad')
    expect(rest).toEqual([...Array.from({ length: 19 }, (_, n) => `#${n + 41} line ${n + 41}`), 'ERROR: bad'])
  })

  test('no more than an annotation can hold', async () => {
    await using world = await makeWorld()
    await world.program('docker', failing(Array.from({ length: 30 }, () => 'x'.repeat(5000)).join('\n')))
    expect((await rejection(buildImage(buildRequest(), around(world)))).message.length).toBeLessThan(4096)
  })

  test('BUILDER_MISSING without docker', async () => {
    await using world = await makeWorld()
    const error = await rejection(buildImage(buildRequest(), around(world, { env: { PATH: world.directory } })))
    expect(error.code).toBe('BUILDER_MISSING')
  })

  test('CANCELLED when the step is cancelled', async () => {
    await using world = await makeWorld()
    const exec: BuildRun['exec'] = async () => ({ kind: 'stopped', why: 'cancelled', stderr: '' })
    expect((await rejection(buildImage(buildRequest(), around(world, { exec })))).code).toBe('CANCELLED')
  })
})

describe('buildImage and an export', () => {
  const patience = { standstillMs: 100, lookEveryMs: 20 }

  test('that stands still: it is ended, and said', async () => {
    await using world = await makeWorld()
    await world.program('docker', `echo '#9 exporting to oci image format' >&2; sleep 3`)
    const ends: Promise<Ended>[] = []
    const exec: BuildRun['exec'] = (command) => {
      const end = runProgram(command)
      ends.push(end)
      return end
    }
    const run = around(world, { exec, patience: { standstillMs: 120_000, lookEveryMs: 40_000 } })
    const error = await rejection(buildImage(buildRequest(), run))
    expect(error.code).toBe('BUILD_FAILED')
    expect(error.message).toBe(
      'building the image with the builder mine: the export of the image stood still for 2 minutes and was ended',
    )
    expect(await Promise.all(ends)).toMatchObject([{ kind: 'stopped' }])
  })

  test('that hangs and cannot be ended: the step goes on nevertheless', async () => {
    await using world = await makeWorld()
    const exec: BuildRun['exec'] = (command) => {
      command.onLine?.('#9 exporting to oci image format')
      return new Promise(() => undefined)
    }
    expect((await rejection(buildImage(buildRequest(), around(world, { exec, patience })))).code).toBe('BUILD_FAILED')
  })

  test('that grows in silence: it is left alone', async () => {
    await using world = await makeWorld()
    const layer = join(world.directory, 'layout', 'layer')
    await world.program(
      'docker',
      `echo '#9 exporting layers
#9 exporting to oci image format' >&2; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo more >> '${layer}'; sleep 0.02; done`,
    )
    const clock = { ...quickClock(), sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 60)) }
    const run = around(world, { clock, patience: { standstillMs: 4, lookEveryMs: 1 } })
    expect(await buildImage(buildRequest(), run)).toEqual({ directory: run.directory })
  })

  test('that has not begun: a silent step is no standstill', async () => {
    await using world = await makeWorld()
    await world.program('docker', `echo '#4 RUN make' >&2; sleep 0.4`)
    const run = around(world, { patience })
    expect(await buildImage(buildRequest(), run)).toEqual({ directory: run.directory })
  })

  test('during which the step is cancelled: it is cancelled, and not at a standstill', async () => {
    await using world = await makeWorld()
    const clock = { ...quickClock(), sleep: () => Promise.reject(new Error('cancelled')) }
    const exec: BuildRun['exec'] = async (command) => {
      command.onLine?.('#9 exporting to oci image format')
      await new Promise((resolve) => setTimeout(resolve, 20))
      return { kind: 'stopped', why: 'cancelled', stderr: '' }
    }
    expect((await rejection(buildImage(buildRequest(), around(world, { clock, exec, patience })))).code).toBe(
      'CANCELLED',
    )
  })
})
