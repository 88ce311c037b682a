import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { expectGreen, expectRed, layout, registry, runner, unscanned } from './stage.ts'

test('many mistakes are told together, with the nearest names, before any network or program', async () => {
  const on = await runner()
  const one = await registry()
  await on.program('trivy', '')
  await on.program('docker', '')
  const end = await on.step({
    inputs: {
      images: `${one.host}/acme/api`,
      platform: 'linux/amd64',
      serverity: 'HIGH',
      severity: 'HIGHH',
      retries: 'many',
      scan: 'gat',
      'registry-auth': '- registry: ghcr.io\n  usernam: octocat\n  password: hidden',
    },
  })
  const message = expectRed(end, 'INPUT_INVALID')
  for (const words of [
    '`platform`: this action has no such input; did you mean `platforms`?',
    'did you mean `severity`?',
    'did you mean `HIGH`?',
    '`retries`',
    'did you mean `gate`?',
    '`registry-auth`, line 2',
    'did you mean `username`?',
  ])
    expect(message).toContain(words)
  expect(message).not.toContain('hidden')
  expect(one.requests).toEqual([])
  expect(await on.calls()).toEqual([])
})

test.each([
  ['a name with capitals', { images: 'ghcr.io/Acme/API' }],
  ['a name with a tag', { images: 'ghcr.io/acme/api:1.0' }],
  ['nothing to publish to', { images: '' }],
  ['a layout beside a target', { images: 'ghcr.io/acme/api', layout: '.', target: 'final' }],
  ['a layout that is not there', { images: 'ghcr.io/acme/api', layout: 'none' }],
  ['a tag that no registry takes', { images: 'ghcr.io/acme/api', tags: 'type=raw,value=…' }],
  ['a version that is none', { images: 'ghcr.io/acme/api', version: 'newest' }],
  ['a context that is not there', { images: 'ghcr.io/acme/api', context: 'none' }],
])('%s is INPUT_INVALID', async (_name, inputs) => {
  const on = await runner()
  expectRed(await on.step({ inputs }), 'INPUT_INVALID')
})

test('a run that has nothing to be named after says which rules gave nothing', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  const end = await on.step({
    inputs: { ...unscanned(`${one.host}/acme/api`), tags: 'major-minor' },
    event: { ref: 'refs/heads/topic' },
  })
  expect(expectRed(end, 'INPUT_INVALID')).toContain('major-minor: only for releases')
  expect(one.requests).toEqual([])
})

test('`summary: false` writes none, and `report-dir` says where the report goes', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  const inputs = { ...unscanned(`${one.host}/acme/api`), summary: 'false', 'report-dir': '../home/reports' }
  const end = await on.step({ inputs })
  expect(end.main.exitCode).toBe(0)
  expect(end.main.summary).toBe('')
  expect(end.leftovers).toEqual(['home/reports', 'home/reports/lading-bake.json', 'home/reports/lading-report.json'])
})

test('two steps of one job keep a report each', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  expectGreen(await on.step({ inputs: unscanned(`${one.host}/acme/api`) }))
  expectGreen(await on.step({ inputs: unscanned(`${one.host}/acme/web`) }))
  expect(await readdir(on.temp)).toEqual([
    ...['lading-bake-2.json', 'lading-bake.json'],
    ...['lading-report-2.json', 'lading-report.json'],
  ])
})

test('under plain node it publishes, and cleans up after itself', async () => {
  const on = await runner()
  const one = await registry()
  await layout(on)
  const inputs = { ...unscanned(`${one.host}/acme/api`), version: '2.0.0', tags: 'version' }
  const { main, leftovers } = await on.step({ inputs, withRunner: false })
  expect([main.exitCode, main.log.annotations]).toEqual([0, []])
  expect(one.repositories.get('acme/api')?.tags.has('2.0.0')).toBe(true)
  expect(leftovers).toEqual(['temp/lading-bake.json', 'temp/lading-report.json'])
})

test('post without anything that main left does nothing', async () => {
  const on = await runner()
  const end = await on.step({ env: { STATE_begun: 'true', STATE_scratch: '' } })
  expect([end.main.exitCode, end.main.log.text, end.leftovers]).toEqual([0, '', []])
})

test('post removes no folder that is not ours, whatever the state says', async () => {
  const on = await runner()
  await layout(on)
  const end = await on.step({ env: { STATE_begun: 'true', STATE_scratch: on.workspace } })
  expect(end.main.exitCode).toBe(0)
  expect(end.main.log.annotations.map(({ level }) => level)).toEqual(['warning'])
  expect(end.leftovers).toEqual([])
})
