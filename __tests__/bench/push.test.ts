import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDistance } from '../../bench/distance.ts'
import { type Cost, measurePush } from '../../bench/measure.ts'
import { lading, type Peer, type Push, peers, startedAtOnce, toFirst } from '../../bench/peers.ts'
import { CASES, type Case } from '../../bench/push-cases.ts'
import { judge, pushTable } from '../../bench/push-table.ts'
import type { Result } from '../../bench/push-turns.ts'
import { layers, writeLayout } from '../../bench/sample.ts'
import { run } from '../../scripts/part/command.ts'
import { need } from '../../scripts/part/index.ts'
import { digestOf } from '../../src/image/digest.ts'

const PUSH = join(import.meta.dirname, '../../bench/push.ts')

describe('the distance', () => {
  test('passes on every byte in order, both ways, and then the end', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const address = echo.address()
    const distance = await openDistance(typeof address === 'object' && address !== null ? address.port : 0, 1)
    onTestFinished(() => {
      distance.close()
      echo.close()
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 20 }), async (chunks) => {
        const socket = connect({ port: distance.port, host: '127.0.0.1', allowHalfOpen: true })
        for (const chunk of chunks) socket.write(chunk)
        socket.end()
        expect((await buffer(socket)).equals(Buffer.concat(chunks))).toBe(true)
      }),
      { numRuns: 20 },
    )
  })

  test('passes on that nobody is there', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const address = closed.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    closed.close()
    const distance = await openDistance(port, 1)
    onTestFinished(() => distance.close())
    const socket = connect({ port: distance.port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    await once(socket, 'close')
  })
})

describe('the sample', () => {
  test('is a layout in which every blob is what its name says, with new bytes each time', async () => {
    const folder = await scratch()
    const sample = () => ({ amd64: layers(2, 1000), arm64: layers(1, 1000) })
    const first = await writeLayout(join(folder, 'a'), sample())
    expect(await writeLayout(join(folder, 'b'), sample())).not.toBe(first)
    const blobs = join(folder, 'a', 'blobs', 'sha256')
    for (const name of await readdir(blobs)) {
      expect(digestOf(await readFile(join(blobs, name)))).toBe(`sha256:${name}`)
    }
    // Three layers, two configs, two manifests and the index.
    expect(await readdir(blobs)).toHaveLength(8)
    const { manifests } = JSON.parse(await readFile(join(folder, 'a', 'index.json'), 'utf8'))
    expect(manifests).toMatchObject([{ digest: first }])
  })
})

const push: Push = {
  layout: '/layout',
  digest: 'sha256:0',
  repositories: ['127.0.0.1:5000/a', '127.0.0.1:5001/a'],
  tags: ['1', '2', '3'],
  again: false,
}

describe('the peers', () => {
  const node = (code: string): readonly string[] => [process.execPath, '-e', code]
  const peer = (...codes: readonly string[]): Peer => ({ name: 'some', commands: () => codes.map(node) })

  test('each write all tags to all registries', async () => {
    for (const { name, missing, commands } of await peers()) {
      if (missing !== undefined) continue
      const said = commands(push).flat().join(' ')
      for (const { repository, tag } of push.repositories.flatMap((to) =>
        push.tags.map((one) => ({ repository: to, tag: one })),
      )) {
        expect(said, name).toContain(repository)
        expect(said, name).toMatch(new RegExp(`[:, ]${tag}\\b`))
      }
    }
  })

  test('can be narrowed to the first registry', () => {
    const { commands, env, name } = toFirst(lading('bundle.js'))
    expect(name).toBe('Lading, one registry')
    expect(commands(push)).toEqual([[process.execPath, 'bundle.js']])
    expect(env?.(push)).toMatchObject({ INPUT_IMAGES: '127.0.0.1:5000/a' })
  })

  test('run all their commands one after the other, and their costs are known where the system tells them', async () => {
    const file = join(await scratch(), 'order')
    const add = (letter: string) => `require('node:fs').appendFileSync(${JSON.stringify(file)}, '${letter}')`
    const { memory = 20e6 } = await measurePush(peer(add('a'), add('b'), add('c')), push)
    expect(await readFile(file, 'utf8')).toBe('abc')
    // Node itself takes more than this, and less than a wrong unit would make of it.
    expect(memory).toBeGreaterThan(10e6)
    expect(memory).toBeLessThan(1e9)
  })

  test('may be started at once', async () => {
    const folder = await scratch()
    const [mine, theirs] = ['a', 'b'].map((name) => JSON.stringify(join(folder, name)))
    // Each waits for the other's file: one after the other they would never end.
    const meet = (own?: string, other?: string) => `
      const fs = require('node:fs'); fs.writeFileSync(${own}, '')
      const timer = setInterval(() => fs.existsSync(${other}) && clearInterval(timer), 5)`
    await measurePush(startedAtOnce(peer(meet(mine, theirs), meet(theirs, mine))), push)
  })

  test('that fail are told with their last words', async () => {
    await expect(measurePush(peer("console.error('no such thing'); process.exit(3)"), push)).rejects.toThrow(
      /^ended with 3: no such thing/,
    )
  })
})

describe('the table', () => {
  const cost = (seconds: number, requests: Cost['requests'], memory = 90e6): Cost => ({
    seconds,
    cpu: 0.2,
    memory,
    requests,
  })
  const result = (name: string, role: Result['role'], ...costs: readonly Cost[]): Result => ({
    name,
    role,
    costs,
    trouble: '',
  })
  const first: Case = {
    name: 'first',
    title: 'First push',
    make: () => ({ sample: {} }),
    registries: 2,
    far: true,
    promised: { requests: 10, walls: [{ times: 0.8 }, { times: 1.5, of: 'yard' }] },
  }
  const rivals = [
    result('slow', 'rival', cost(9, { HEAD: 3 })),
    result('fast', 'rival', cost(1, { HEAD: 5 }), cost(3, { HEAD: 5 })),
    result('yard', 'yardstick', cost(0.5, {})),
  ]

  test.each<[string, Result, readonly boolean[]]>([
    ['all is kept', result('Lading', 'own', cost(0.7, { HEAD: 20 })), [true, true, true, true]],
    ['time is missed', result('Lading', 'own', cost(1.7, { HEAD: 20 })), [false, false, true, true]],
    ['requests are missed', result('Lading', 'own', cost(0.7, { HEAD: 20, PUT: 2 })), [true, true, false, true]],
    ['memory is missed', result('Lading', 'own', cost(0.7, {}, 201e6)), [true, true, true, false]],
  ])('says so when %s', (_, own, expected) => {
    const verdicts = judge(first, [own, ...rivals])
    expect(verdicts.map(({ measured, most }) => measured <= most)).toEqual(expected)
    const text = pushTable(first, [own, ...rivals])
    expect(text.includes('**missed**')).toBe(expected.includes(false))
    expect(text.match(/^Missed: /m) !== null).toBe(expected.includes(false))
  })

  test('says by how much a promise is missed', () => {
    const text = pushTable(first, [result('Lading', 'own', cost(1.8, { HEAD: 9, PUT: 13 })), ...rivals])
    expect(text).toContain('Missed: wall 0.90 × fast, promised at most 0.80 (13 % too much).')
    expect(text).toContain('Missed: requests 11 for each registry, promised at most 10 (10 % too much).')
    expect(text).toContain(
      '| Lading | 1.80 s | 1.80–1.80 s | 0.90 | 22: 9 HEAD, 13 PUT | 0.20 s | 90 MB | **missed**: wall, wall, requests |',
    )
  })

  test('has a row for who is missing, whatever its words', () => {
    const absent: Result = { name: 'regctl', role: 'rival', costs: [], trouble: 'no | regctl\nhere' }
    const rows = rowsOf(pushTable(first, [result('Lading', 'own', cost(1, {})), absent]))
    expect(rows.find(([name]) => name === 'regctl')?.[1]).toBe('not measured: no / regctl here')
  })

  test('asks for at most what the promises allow', () => {
    expect(CASES.map(({ name, promised }) => [name, promised.requests])).toEqual([
      ['nothing-to-do', 3],
      ['nothing-to-do-three', 3],
      ['first-push', 31],
      ['one-layer', 29],
      ['two-platforms', 39],
      ['three-registries', 31],
      ['big', undefined],
    ])
  })
})

describe.skipIf(!(await need(['registry3'])))('a small round', () => {
  test.each([
    ['nothing-to-do', 3],
    ['first-push', 31],
  ])(
    'of %s has a row for each program, with as many requests as it takes',
    { timeout: 180_000 },
    async (only, most) => {
      const { code, stdout, stderr } = await run(process.execPath, [PUSH, '--only', only, '--small', '--runs', '1'])
      expect(stderr).toBe('')
      expect(code).toBe(0)
      const rows = rowsOf(stdout)
      const names = ['Lading', 'oras', 'imagetools', 'regctl', 'crane', 'skopeo', 'docker push']
      expect(rows.map(([name]) => name)).toEqual(names)
      const counts = rows.flatMap(([, wall = '', , , requests = '']) =>
        wall.startsWith('not measured') ? [] : [Number.parseInt(requests, 10)],
      )
      expect(counts[0]).toBeLessThanOrEqual(most)
      for (const count of counts) {
        expect(count).toBeGreaterThanOrEqual(3)
        expect(count).toBeLessThan(100)
      }
    },
  )

  test.each([
    [['--only', 'something'], '--only takes some of nothing-to-do'],
    [['--runs', '0'], '--runs takes a number from 1 to 999, not 0'],
    [['--write', '--small'], '--write writes the whole page'],
  ])('is refused with %j', async (args, why) => {
    const { code, stderr } = await run(process.execPath, [PUSH, ...args])
    expect(code).toBe(1)
    expect(stderr).toContain(why)
  })
})

/** The cells of every row below the head. */
function rowsOf(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  const cells = lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
  for (const row of cells) expect(row).toHaveLength(8)
  return cells.slice(2)
}

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
