import { mkdtemp, readFile, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { checkedOnce } from '../../src/content/checked.ts'
import { readImage, verifyImage } from '../../src/content/image.ts'
import { openLayout } from '../../src/content/oci-layout.ts'
import { isTar, unpackLayout } from '../../src/content/oci-tar.ts'
import { digestOf } from '../../src/image/digest.ts'
import { blobPath, type SampleLayout, tarOf, writeSampleLayout } from '../support/sample-layout.ts'

let directory: string
let sample: SampleLayout

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'layout-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  sample = await writeSampleLayout(directory, {
    platforms: [{ platform: 'linux/amd64', layers: [{ files: { hello: 'world' } }] }],
  })
})

const writeIndex = (text: string) => writeFile(join(directory, 'index.json'), text)
const indexOf = (...manifests: readonly object[]) => JSON.stringify({ schemaVersion: 2, manifests })

describe('openLayout', () => {
  test('knows one image under several names', async () => {
    const named = (name: string) => ({ ...sample.root, annotations: { 'org.opencontainers.image.ref.name': name } })
    await writeIndex(indexOf(named('1.0'), named('latest')))
    const layout = await openLayout(directory)
    expect(await layout.root()).toEqual(sample.root)
    expect(await layout.resolve('latest')).toMatchObject({ digest: sample.root.digest })
  })

  test('refuses several images that have nothing to do with each other', async () => {
    await writeIndex(indexOf(sample.root, { ...sample.root, digest: digestOf('another') }))
    await expect(openLayout(directory)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining('2 unrelated images'),
    })
  })

  test.each([
    ['no JSON', 'no json', 'CONTENT_INVALID'],
    ['no list', '{"manifests":{}}', 'CONTENT_INVALID'],
    ['nothing', '{"manifests":[]}', 'CONTENT_INVALID'],
    [
      'a digest that leaves the folder',
      '{"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]}',
      'CONTENT_INVALID',
    ],
    ['no size', `{"manifests":[{"digest":"${digestOf('x')}"}]}`, 'CONTENT_INVALID'],
    ['more than is read', ' '.repeat(8 * 1024 * 1024 + 1), 'CONTENT_INVALID'],
  ])('refuses an index.json that holds %s', async (_name, text, code) => {
    await writeIndex(text)
    await expect(openLayout(directory)).rejects.toMatchObject({ code })
  })

  test('says what a folder lacks that is no layout', async () => {
    await unlink(join(directory, 'oci-layout'))
    await expect(openLayout(directory)).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
    await expect(openLayout(join(directory, 'nowhere'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  test.each([
    ['missing', (path: string) => unlink(path), 'is missing in the layout'],
    ['cut short', (path: string) => truncate(path, 3), 'has 3 bytes and not'],
    [
      'changed',
      async (path: string) =>
        writeFile(
          path,
          (await readFile(path)).map((byte) => byte ^ 1),
        ),
      'holds other bytes',
    ],
  ])('finds a blob that is %s', async (_name, damage, message) => {
    const layer = sample.platforms[0]?.layers[0]
    if (layer === undefined) throw new Error('there is a layer')
    await damage(blobPath(directory, layer.digest))
    const layout = await openLayout(directory)
    const image = await readImage(layout, await layout.root())
    await expect(verifyImage(checkedOnce(layout, new AbortController().signal), image)).rejects.toMatchObject({
      code: 'CONTENT_INVALID',
      message: expect.stringContaining(message),
    })
  })
})

describe('unpackLayout', () => {
  async function unpacked(tar: Buffer): Promise<string> {
    const path = join(directory, 'layout.tar')
    await writeFile(path, tar)
    const into = await mkdtemp(join(directory, 'into-'))
    await unpackLayout(path, into)
    return into
  }

  async function sampleTar(more: Readonly<Record<string, string>> = {}): Promise<Buffer> {
    const { root, platforms } = sample
    const digests = [root, ...platforms.flatMap(({ config, layers }) => [config, ...layers])].map(
      ({ digest }) => digest,
    )
    const blobs = digests.map(async (digest) => [
      `blobs/${digest.replace(':', '/')}`,
      await readFile(blobPath(directory, digest)),
    ])
    const files = ['oci-layout', 'index.json'].map(async (name) => [`./${name}`, await readFile(join(directory, name))])
    return tarOf({ ...Object.fromEntries(await Promise.all([...blobs, ...files])), ...more })
  }

  test('opens as the folder that it was made of', async () => {
    const layout = await openLayout(await unpacked(await sampleTar()))
    const image = await readImage(layout, await layout.root())
    await verifyImage(checkedOnce(layout, new AbortController().signal), image)
    expect(image.root.descriptor.digest).toBe(sample.root.digest)
  })

  test('leaves out everything that is no part of a layout', async () => {
    const evil = {
      '../evil': 'x',
      '/etc/evil': 'x',
      'blobs/sha256/../../../evil': 'x',
      'manifest.json': '[]',
      'oci-layout/x': 'x',
    }
    const into = await unpacked(await sampleTar(evil))
    const { readdir } = await import('node:fs/promises')
    expect((await readdir(into)).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout'])
    expect((await readdir(directory)).filter((name) => name.includes('evil'))).toEqual([])
    expect(await readdir(join(into, 'blobs'))).toEqual(['sha256'])
  })

  test('follows no link', async () => {
    const tar = await sampleTar()
    const name = `blobs/sha256/${'0'.repeat(64)}`
    // A symbolic link is a header of type 2 that names its goal.
    const header = tarOf({ [name]: '' }).subarray(0, 512)
    header.write('2', 156)
    header.write('/etc/passwd', 157)
    header.write('        ', 148)
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    const into = await unpacked(Buffer.concat([header, tar]))
    await expect(readFile(join(into, name))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test.each([
    ['text', Buffer.from('this is no tar, whatever its name says. '.repeat(40))],
    ['a tar that breaks off', undefined],
  ])('refuses %s', async (_name, bytes) => {
    const whole = await sampleTar()
    await expect(unpacked(bytes ?? whole.subarray(0, 700))).rejects.toMatchObject({ code: 'CONTENT_INVALID' })
  })

  test.each([1, 511, 512, 513, 1024, 1500])('comes to an end where a tar is cut off after %i bytes', async (length) => {
    const tar = Buffer.concat([tarOf({ 'manifest.json': 'x'.repeat(900) }).subarray(0, 1536), await sampleTar()])
    for (const bytes of [tar.subarray(0, length), tar.subarray(0, tar.length - length)]) {
      const error = await unpacked(bytes).catch((thrown: unknown) => thrown)
      if (typeof error !== 'string') expect(error).toMatchObject({ code: 'CONTENT_INVALID' })
    }
  })

  test('is asked for files only', async () => {
    await writeFile(join(directory, 'a.tar'), '')
    await symlink(join(directory, 'a.tar'), join(directory, 'link'))
    const asked = ['a.tar', 'link', '.', 'nowhere'].map((name) => isTar(join(directory, name)))
    expect(await Promise.all(asked)).toEqual([true, true, false, false])
  })
})
