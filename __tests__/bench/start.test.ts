import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hasLine, launch } from '../../bench/launch.ts'
import { between, median, startTable } from '../../bench/start-table.ts'

describe('a line for a person', () => {
  test.each<[string, boolean]>([
    ['Lading 1.0.0\n', true],
    ['::add-mask::x\n::debug::y\n', false],
    ['::error title=a::b\n', false],
    ['::add-mask::x\nhello\n', true],
    ['hello without an end', false],
    ['\n  \n', false],
  ])('%j: %s', (printed, expected) => {
    expect(hasLine(printed)).toBe(expected)
  })
})

describe('a launch', () => {
  const run = async (code: string, until: 'line' | 'byte' | 'end') => {
    const directory = await mkdtemp(join(tmpdir(), 'launch-'))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    return launch({ args: ['-e', code], env: {}, directory, until })
  }

  test('ends at the first line, though the program goes on', async () => {
    const { milliseconds } = await run("console.log('hello'); setInterval(() => undefined, 1000)", 'line')
    expect(milliseconds).toBeGreaterThan(0)
  })

  test('fails when the program ends without a line', async () => {
    await expect(run("console.log('::debug::x')", 'line')).rejects.toThrow('without a line for a person')
  })

  test('lets a program come to its end', async () => {
    expect(await run("console.log('hello')", 'end')).not.toHaveProperty('bytes')
  })
})

describe('the table', () => {
  test.each<[readonly number[], number]>([
    [[3], 3],
    [[3, 1, 2], 2],
    [[4, 1, 10, 2], 3],
  ])('takes the middle of %j', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  test('shows medians, ranges, ratios and memory', () => {
    const own = { name: 'own', runs: [{ milliseconds: 50, bytes: 40_000_000 }, { milliseconds: 70 }] }
    const other = { name: 'other', runs: [{ milliseconds: 240 }] }
    expect(startTable([own, other], 'other').split('\n')).toEqual([
      '| What | Median | Min–max | × other | Peak memory |',
      '| --- | --- | --- | --- | --- |',
      '| own | 60 ms | 50–70 ms | 0.25 | 40 MB |',
      '| other | 240 ms | 240–240 ms | 1.00 | – |',
    ])
    expect(startTable([own], undefined)).not.toContain('×')
  })

  test('goes between its markers and nowhere else', () => {
    expect(between('a\n<!-- x:start -->\nold\n<!-- x:end -->\nb', 'x', 'new')).toBe(
      'a\n<!-- x:start -->\nnew\n<!-- x:end -->\nb',
    )
    expect(() => between('a', 'x', 'new')).toThrow('<!-- x:start -->')
  })
})
