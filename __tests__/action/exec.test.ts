import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { makeExec } from '../../src/action/exec.ts'
import type { Command } from '../../src/edges.ts'
import { folderWith } from './given.ts'

/** Little programs on a PATH of their own, written for node. */
function programs(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const folder = folderWith(
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, `#!/usr/bin/env node\n${text}`])),
  )
  for (const name of Object.keys(texts)) chmodSync(join(folder, name), 0o755)
  return { PATH: [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) }
}

const never = new AbortController().signal

async function run(text: string, command: Partial<Command> = {}) {
  return await makeExec(never)({
    program: 'little',
    args: [],
    ...command,
    env: { ...programs({ little: text }), ...command.env },
  })
}

describe('a program that ends', () => {
  test('tells its code and what it printed', async () => {
    const ended = await run('console.log("out"); console.error("err"); process.exitCode = 10')
    expect(ended).toEqual({ kind: 'exited', code: 10, stdout: 'out\n', stderr: 'err\n' })
  })

  test('gets its arguments as they are: there is no shell', async () => {
    const args = ['$HOME', '`id`', 'a b', '', '; exit 3', '*', '"']
    const ended = await run('console.log(JSON.stringify(process.argv.slice(2)))', { args })
    expect(ended).toMatchObject({ code: 0, stdout: `${JSON.stringify(args)}\n` })
  })

  test('gets the environment that it is given and nothing else', async () => {
    const ended = await run(
      'console.log(Object.keys(process.env).filter((n) => n !== "PATH" && n !== "__CF_USER_TEXT_ENCODING").join())',
      {
        env: { ONLY: '1' },
      },
    )
    expect(ended).toMatchObject({ stdout: 'ONLY\n' })
  })

  test('reads its input to the end, and works in its folder', async () => {
    const directory = folderWith()
    const ended = await run(
      'process.stdin.on("data", (d) => process.stdout.write(d)).on("end", () => console.log(process.cwd()))',
      {
        input: 'hello ',
        directory,
      },
    )
    expect(ended).toMatchObject({ stdout: `hello ${directory}\n` })
  })

  test('may leave its input unread', async () => {
    expect(await run('process.exit(0)', { input: 'x'.repeat(1_000_000) })).toMatchObject({ kind: 'exited', code: 0 })
  })

  test('hands out its lines as they come, long ones cut', async () => {
    const lines: string[] = []
    await run('process.stdout.write("a\\r\\nb\\rc\\n\\nlast" + "x".repeat(100000))', {
      onLine: (line) => lines.push(line),
    })
    expect(lines.slice(0, 4)).toEqual(['a', 'b', 'c', ''])
    expect(lines.at(-1)).toHaveLength(16 * 1024)
  })

  test('keeps the end of what it complained about', async () => {
    const ended = await run('process.stderr.write("first" + "x".repeat(300000) + "last")')
    const stderr = ended.kind === 'exited' ? ended.stderr : ''
    expect(stderr).toHaveLength(64 * 1024)
    expect(stderr.endsWith('last')).toBe(true)
  })

  test('by a signal has the code that shells show', async () => {
    expect(await run('process.kill(process.pid, "SIGKILL")')).toMatchObject({ kind: 'exited', code: 137 })
  })

  test('does not keep us when a child holds its pipes', async () => {
    const ended = await run(
      'require("child_process").spawn("sleep", ["30"], { stdio: "inherit", detached: true }).unref(); console.log("done")',
    )
    expect(ended).toMatchObject({ kind: 'exited', code: 0, stdout: 'done\n' })
  })
})

describe('a program that cannot start', () => {
  test('is absent when nobody has it', async () => {
    expect(await makeExec(never)({ program: 'nobody-has-this', args: [], env: { PATH: '/bin' } })).toEqual({
      kind: 'absent',
    })
  })

  test.each([
    ['a folder that is missing', { directory: '/nowhere/at/all' }],
    ['a zero byte in an argument', { args: ['a\0b'] }],
  ])('is no absent program for %s', async (_name, command) => {
    expect(await run('', command)).toMatchObject({ kind: 'exited', code: 126 })
  })

  test('is no absent program without the right to run it', async () => {
    const folder = folderWith({ plain: 'text' })
    const ended = await makeExec(never)({ program: join(folder, 'plain'), args: [], env: {} })
    expect(ended).toMatchObject({ kind: 'exited', code: 126 })
  })
})

// A parent and its child, both deaf to SIGTERM when asked; the child's number is in a file.
const FAMILY = `
  const deaf = process.env.DEAF === '1' ? 'process.on("SIGTERM", () => {});' : ''
  const child = require('child_process').spawn(process.execPath, ['-e', deaf + 'console.log("up"); setInterval(() => {}, 1000)'], { stdio: ['ignore', 'pipe', 'ignore'] })
  if (deaf) process.on('SIGTERM', () => {})
  child.stdout.once('data', () => { require('fs').writeFileSync(process.env.FILE, String(child.pid)); console.error('ready'); console.log('ready') })
`

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A child whose parent is gone may stay as a zombie where nobody collects it.
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a program that is stopped', () => {
  test.each(['0', '1'])('goes with its children on cancel (deaf: %s)', async (DEAF) => {
    const file = join(folderWith(), 'pid')
    const controller = new AbortController()
    const ended = await makeExec(controller.signal)({
      program: 'little',
      args: [],
      env: { ...programs({ little: FAMILY }), FILE: file, DEAF },
      onLine: (line) => line === 'ready' && controller.abort(),
    })
    expect(ended).toEqual({ kind: 'stopped', why: 'cancelled', stderr: 'ready\n' })
    const pid = Number(readFileSync(file, 'utf8'))
    for (let turn = 0; alive(pid) && turn < 100; turn += 1) await wait(20)
    expect(alive(pid)).toBe(false)
  })

  test('goes when its time is over', async () => {
    expect(await run('setInterval(() => {}, 1000)', { timeoutMs: 50 })).toMatchObject({
      kind: 'stopped',
      why: 'timeout',
    })
  })

  test('is not even started after a cancel', async () => {
    const file = join(folderWith(), 'started')
    const env = { ...programs({ little: 'require("fs").writeFileSync(process.env.FILE, "")' }), FILE: file }
    expect(await makeExec(AbortSignal.abort())({ program: 'little', args: [], env })).toMatchObject({ kind: 'stopped' })
    expect(existsSync(file)).toBe(false)
  })
})
