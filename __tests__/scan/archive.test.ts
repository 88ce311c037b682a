import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { hashFile, takeCopy, unpackProgram } from '../../src/scan/archive.ts'
import { archiveOf, type Entry, releaseArchive, sha256Of } from '../support/trivy-archive.ts'
import { failure, temporary } from './world.ts'

async function unpack(archive: Uint8Array) {
  const folder = await temporary()
  await writeFile(join(folder, 'archive'), archive)
  await mkdir(join(folder, 'inner'))
  const program = join(folder, 'inner', 'trivy')
  const left = async () =>
    (await readdir(folder, { recursive: true })).filter((name) => !/^(?:archive|inner)$/.test(name))
  return { unpacked: unpackProgram(join(folder, 'archive'), program), program, left }
}

describe('unpackProgram', () => {
  test('takes the program out, for its owner alone, and nothing else', async () => {
    const { unpacked, program, left } = await unpack(await releaseArchive('a program'))
    await unpacked
    expect(await readFile(program, 'utf8')).toBe('a program')
    expect((await stat(program)).mode & 0o777).toBe(0o700)
    expect(await left()).toEqual(['inner/trivy'])
  })

  test('knows the program by ./trivy too', async () => {
    const { unpacked, program } = await unpack(await archiveOf([{ name: './trivy', content: 'dotted' }]))
    await unpacked
    expect(await readFile(program, 'utf8')).toBe('dotted')
  })

  test.each<[string, readonly Entry[]]>([
    ['is empty', []],
    ['has other files', [{ name: 'README.md', content: 'x' }]],
    ['has the program in a folder', [{ name: 'bin/trivy', content: 'x' }]],
    ['has the program above its folder', [{ name: '../trivy', content: 'x' }]],
    ['has the program on a way around', [{ name: 'a/../trivy', content: 'x' }]],
    ['has the program at the root of the machine', [{ name: '/trivy', content: 'x' }]],
    ['has a link for a program', [{ name: 'trivy', type: 'symlink', linkname: '/bin/sh' }]],
    ['has a hard link for a program', [{ name: 'trivy', type: 'link', linkname: '/bin/sh' }]],
    ['has a folder for a program', [{ name: 'trivy', type: 'directory' }]],
    ['has the program for another system', [{ name: 'trivy.exe', content: 'x' }]],
  ])('finds no program in an archive that %s, and writes nothing', async (_what, entries) => {
    const { unpacked, left } = await unpack(await archiveOf(entries))
    expect(await failure(unpacked)).toMatchObject({
      code: 'SCAN_BROKEN',
      message: expect.stringContaining('no program'),
    })
    expect(await left()).toEqual([])
  })

  test('refuses an archive with two programs: which one was meant?', async () => {
    const two = ['one', 'two'].map((content) => ({ name: 'trivy', content }))
    const { unpacked } = await unpack(await archiveOf(two))
    expect((await failure(unpacked)).message).toContain('more than one program')
  })

  test('a link before the program does not lead it elsewhere', async () => {
    const elsewhere = join(await temporary(), 'elsewhere')
    const entries: Entry[] = [
      { name: 'trivy', type: 'symlink', linkname: elsewhere },
      { name: 'trivy', content: 'a program' },
    ]
    const { unpacked, program } = await unpack(await archiveOf(entries))
    await unpacked
    expect(await readFile(program, 'utf8')).toBe('a program')
    expect(await stat(elsewhere).catch(() => 'nothing')).toBe('nothing')
  })

  test.each<[string, (whole: Buffer) => Uint8Array]>([
    ['breaks off', (whole) => whole.subarray(0, whole.length - 40)],
    ['is no gzip', () => Buffer.from('<html>Please log in</html>')],
    ['is no tar', () => gzipSync(Buffer.alloc(4096, 'x'))],
    ['breaks off within the program', (whole) => gzipSync(gunzipSync(whole).subarray(0, 50_000))],
  ])('refuses an archive that %s, and what is there cannot be started', async (_what, change) => {
    const whole = await releaseArchive(Buffer.alloc(100_000, Math.random().toString(36)))
    const { unpacked, program } = await unpack(change(whole))
    expect((await failure(unpacked)).code).toBe('SCAN_BROKEN')
    const mode = await stat(program).then(
      (found) => found.mode & 0o111,
      () => 0,
    )
    expect(mode).toBe(0)
  })
})

describe('takeCopy', () => {
  test('hashes what it copies', async () => {
    const folder = await temporary()
    await writeFile(join(folder, 'from'), 'content')
    await symlink('from', join(folder, 'link'))
    const hash = sha256Of(Buffer.from('content'))
    expect(await takeCopy(join(folder, 'link'), join(folder, 'to'))).toBe(hash)
    expect(await readFile(join(folder, 'to'), 'utf8')).toBe('content')
    expect(await hashFile(join(folder, 'to'))).toBe(hash)
  })

  test('takes nothing that is no file, such as a device, which may have no end', async () => {
    const folder = await temporary()
    await symlink('/dev/null', join(folder, 'device'))
    for (const name of ['device', 'not-there', '.'])
      expect(await takeCopy(join(folder, name), join(folder, 'to'))).toBeUndefined()
  })
})
