import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findScanner, type Whereabouts } from '../../src/scan/scanner.ts'
import { openWorkroom } from '../../src/scan/workroom.ts'
import { failure, fakeTrivy, temporary, world } from './world.ts'

async function find(whereabouts: Partial<Whereabouts>) {
  const edges = await world()
  const room = await openWorkroom(edges.scratch)
  return findScanner({ trivyPath: '', workspace: '/', searchPath: '', ...whereabouts }, room, edges.exec)
}

function version(text: string) {
  return fakeTrivy({ version: `console.log(${JSON.stringify(text)})` })
}

describe('findScanner finds', () => {
  test('the first trivy on the path that can be started', async () => {
    const [folder, notExecutable, file] = [await temporary(), await temporary(), await fakeTrivy()]
    await mkdir(join(folder, 'trivy'))
    await writeFile(join(notExecutable, 'trivy'), '')
    const searchPath = ['/not/there', folder, notExecutable, file].join(delimiter)
    expect(await find({ searchPath })).toEqual({ program: join(file, 'trivy'), version: '0.74.0' })
  })

  test('the one that trivy-path names, absolute or relative to the workspace', async () => {
    const directory = await fakeTrivy()
    const program = join(directory, 'trivy')
    expect((await find({ trivyPath: program })).program).toBe(program)
    expect((await find({ trivyPath: './trivy', workspace: directory })).program).toBe(program)
  })

  test('one behind a link, with a v before its version', async () => {
    const [real, directory] = [await version('{"Version":"v0.75.1"}'), await temporary()]
    await symlink(join(real, 'trivy'), join(directory, 'trivy'))
    expect((await find({ searchPath: directory })).version).toBe('0.75.1')
  })
})

describe('findScanner refuses', () => {
  test('a path without trivy, with the hint to install it', async () => {
    const error = await failure(find({ searchPath: await temporary() }))
    expect(error).toMatchObject({ code: 'SCAN_BROKEN', message: expect.stringContaining('no trivy on PATH') })
    expect(error.hint).toContain('trivy-path')
  })

  test('a trivy that lies in a relative folder of the path: the change under test could bring it', async () => {
    const directory = await fakeTrivy()
    const searchPath = ['', '.', relative(process.cwd(), directory)].join(delimiter)
    expect((await failure(find({ searchPath }))).message).toContain('no trivy on PATH')
  })

  test.each(['nowhere/trivy', '.'])(
    'trivy-path %s, which is no program, and does not look further',
    async (trivyPath) => {
      const searchPath = await fakeTrivy()
      const error = await failure(find({ trivyPath, searchPath, workspace: searchPath }))
      expect(error).toMatchObject({ code: 'SCAN_BROKEN', message: expect.stringContaining(trivyPath) })
    },
  )

  test.each(['0.69.4', '0.69.5', 'v0.69.6', '0.69.4+extra'])('version %s, which steals credentials', async (bad) => {
    const error = await failure(find({ searchPath: await version(`{"Version":"${bad}"}`) }))
    expect(error).toMatchObject({ code: 'TOOL_UNVERIFIED', hint: expect.stringContaining('GHSA-69fq-xp46-6x23') })
  })

  test.each(['0.69.3', '0.69.40', '0.70.0'])('not version %s', async (good) => {
    expect((await find({ searchPath: await version(`{"Version":"${good}"}`) })).version).toBe(good)
  })

  test.each(['', 'Version: 0.74.0', '{"Version":1}', '[]', 'null', '{"Version":"0.74.0; rm"}'])(
    'the version %j',
    async (text) => {
      expect((await failure(find({ searchPath: await version(text) }))).code).toBe('SCAN_BROKEN')
    },
  )

  test('one that cannot tell its version, and shows why', async () => {
    const searchPath = await fakeTrivy({ version: `console.error('no such \\u001b[1mflag'); process.exit(1)` })
    expect((await failure(find({ searchPath }))).message).toMatch(/exit code 1.*\n {2}no such flag$/s)
  })

  test('a file that the system cannot start', async () => {
    const directory = await temporary()
    await writeFile(join(directory, 'trivy'), '#!/not/there\n')
    await chmod(join(directory, 'trivy'), 0o755)
    expect((await failure(find({ searchPath: directory }))).code).toBe('SCAN_BROKEN')
  })
})
