import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeSecrets } from '../../src/action/build-secrets.ts'
import { cleanUp, cleanUpFolder } from '../../src/action/post.ts'
import { makeReporter } from '../../src/action/reporter.ts'
import { makeScratch } from '../../src/action/scratch.ts'
import type { Command, Ended } from '../../src/edges.ts'
import { folderWith } from './given.ts'

/** A job's folders, and what a post step then finds in its variables. */
function job() {
  const root = folderWith({ state: '' })
  mkdirSync(join(root, 'temp'))
  const variables = { RUNNER_TEMP: join(root, 'temp'), GITHUB_STATE: join(root, 'state') }
  const after = () => {
    const state = readFileSync(variables.GITHUB_STATE, 'utf8')
    const records = [...state.matchAll(/^(.+)<<(ghadelimiter_.+)\n([\s\S]*?)\n\2$/gm)]
    return { ...variables, ...Object.fromEntries(records.map((record) => [`STATE_${record[1]}`, record[3]])) }
  }
  return { variables, after, temp: variables.RUNNER_TEMP }
}

function hands(ended: Ended) {
  const commands: Command[] = []
  const said: string[] = []
  const exec = (command: Command) => {
    commands.push(command)
    return Promise.resolve(ended)
  }
  return { commands, said, exec, reporter: makeReporter((text) => said.push(text)) }
}

const FINE: Ended = { kind: 'exited', code: 0, stdout: '', stderr: '' }

test('the folder is private and its name harmless', () => {
  const { variables, temp } = job()
  const { directory } = makeScratch(variables, async () => '')
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  expect(directory.slice(temp.length)).toMatch(/^\/lading-[0-9a-f]+$/)
})

test('build secrets lie in files of their own that nobody else reads', async () => {
  const { directory } = makeScratch(job().variables, async () => '')
  const [secret] = await writeSecrets(directory, [{ id: 'a/b', value: 'x\ny\n' }])
  expect(secret).toEqual({ id: 'a/b', file: join(directory, 'secret-0') })
  expect(readFileSync(join(directory, 'secret-0'), 'utf8')).toBe('x\ny\n')
  expect(statSync(join(directory, 'secret-0')).mode & 0o777).toBe(0o600)
  await expect(writeSecrets(directory, [{ id: 'a', value: '' }])).rejects.toMatchObject({ code: 'INTERNAL' })
})

test('post removes builders, newest first, and then the folder', async () => {
  const { variables, after, temp } = job()
  const scratch = makeScratch(variables, async () => '')
  const env = { DOCKER_CONFIG: join(scratch.directory, 'docker'), PATH: '/bin' }
  scratch.undoLater({ kind: 'builder', name: 'one', env })
  scratch.undoLater({ kind: 'builder', name: 'two', env })
  const world = hands(FINE)
  await cleanUp(after(), world.exec, world.reporter)
  expect(world.commands.map(({ program, args }) => [program, ...args])).toEqual([
    ['docker', 'buildx', 'rm', 'two'],
    ['docker', 'buildx', 'rm', 'one'],
  ])
  expect(world.commands[0]?.env).toEqual(env)
  expect(readdirSync(temp)).toEqual([])
  expect(world.said).toEqual([])
})

test('no value of what is to undo is in the file of the runner', () => {
  const { variables } = job()
  const secret = 'do-not-keep'
  makeScratch(variables, async () => '').undoLater({ kind: 'builder', name: 'b', env: { DOCKER_AUTH_CONFIG: secret } })
  expect(readFileSync(variables.GITHUB_STATE, 'utf8')).not.toContain(secret)
})

test.each([
  ['was never made', { ...FINE, code: 1, stderr: 'ERROR: no builder "b" found' }, 0],
  ['cannot be removed', { ...FINE, code: 1, stderr: 'x\nERROR: busy\n' }, 1],
  ['has no docker', { kind: 'absent' } as const, 1],
])('a builder that %s never keeps the folder', async (_name, ended, warnings) => {
  const { variables, after, temp } = job()
  makeScratch(variables, async () => '').undoLater({ kind: 'builder', name: 'b', env: {} })
  const world = hands(ended)
  await cleanUp(after(), world.exec, world.reporter)
  expect(world.said.filter((text) => text.startsWith('::warning::'))).toHaveLength(warnings)
  expect(readdirSync(temp)).toEqual([])
})

test('half a line and lines of strangers are passed over', async () => {
  const { variables, after } = job()
  const { directory, undoLater } = makeScratch(variables, async () => '')
  undoLater({ kind: 'builder', name: 'b', env: {} })
  appendFileSync(join(directory, 'undo.jsonl'), '{"kind":"builder","name":"--all","env":{}}\nnull\n{"kind":"bui')
  const world = hands(FINE)
  await cleanUp(after(), world.exec, world.reporter)
  expect(world.commands.map(({ args }) => args.at(-1))).toEqual(['b'])
})

test('post removes nothing that is not ours, whatever the state says', async () => {
  const { variables, temp } = job()
  const other = join(temp, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'file'), '')
  for (const directory of [
    other,
    temp,
    join(temp, 'lading-0123456789abcdef', '..', 'other'),
    '/lading-0123456789abcdef',
  ]) {
    const world = hands(FINE)
    await cleanUpFolder(variables, directory, world)
    expect(world.said).toHaveLength(1)
  }
  expect(existsSync(join(other, 'file'))).toBe(true)
})

test('a step that never came to its folder leaves nothing to do', async () => {
  const world = hands(FINE)
  await cleanUp({}, world.exec, world.reporter)
  expect(world.said).toEqual([])
})
