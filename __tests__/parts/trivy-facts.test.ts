import { copyFile, link, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { need, requirePart, trivyDatabase } from '../../scripts/part/index.ts'
import { INNER_COMMAND, type SampleName, sample } from '../scan/samples.ts'
import { temporary, world } from '../scan/world.ts'
import { blobPath, type SampleImage, type SampleLayout, writeSampleLayout } from '../support/sample-layout.ts'

// What the scan takes for granted about Trivy. Whoever raises its version sees here what has to be thought over.

const ready = await need(['trivy', 'trivy-db'])
const program = ready ? await requirePart('trivy') : ''

/** A working directory with its own home and a cache that has the database. */
async function place(files: Readonly<Record<string, string>> = {}) {
  const directory = await temporary()
  const cache = await trivyDatabase(join(directory, 'cache'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  const run = async (args: readonly string[], variables: Readonly<Record<string, string>> = {}) => {
    const env = { HOME: directory, TMPDIR: directory, ...variables }
    const ended = await (await world()).exec({ program, args, env, directory })
    if (ended.kind !== 'exited') throw new Error(`Trivy was ${ended.kind}`)
    return ended
  }
  /** the exit code, and the report when there is one */
  const scan = async (
    input: string,
    more: readonly string[] = [],
    variables: Readonly<Record<string, string>> = {},
  ) => {
    const options = more.includes('--cache-backend') ? [] : ['--cache-backend', 'memory']
    const args = ['image', '--input', input, '--format', 'json', '--cache-dir', cache]
    const safe = ['--skip-db-update', '--disable-telemetry', '--skip-version-check']
    const ended = await run([...args, ...safe, ...options, ...more], variables)
    return { ...ended, report: ended.stdout === '' ? undefined : JSON.parse(ended.stdout) }
  }
  return { directory, cache, run, scan }
}

/** A working directory with one sample image in the folder `image`. */
async function placeOf(name: SampleName, files: Readonly<Record<string, string>> = {}) {
  const made = await place(files)
  const layout = await writeSampleLayout(join(made.directory, 'image'), { platforms: [sample(name)] })
  return { ...made, layout, image: first(layout) }
}

function first({ platforms: [image] }: SampleLayout): SampleImage {
  if (image === undefined) throw new Error('the layout has no platform')
  return image
}

describe.skipIf(!ready)('of a layout, Trivy', () => {
  test('reads the first image alone, whatever platform it is told', async () => {
    const { directory, scan } = await place()
    const platforms = [sample('clean', 'linux/amd64'), sample('vulnerable', 'linux/arm64')]
    await writeSampleLayout(join(directory, 'image'), { platforms })
    for (const more of [[], ['--platform', 'linux/arm64']]) {
      expect((await scan('image', [...more, '--exit-code', '10'])).code).toBe(0)
    }
  })

  test('refuses blobs that are links, and takes links of their folder and hard ones', async () => {
    const { directory, layout, image, scan } = await placeOf('vulnerable')
    const [layer] = image.layers
    if (layer === undefined) throw new Error('the sample has no layer')
    const [blob, aside] = [blobPath(layout.directory, layer.digest), join(directory, 'aside')]
    await rename(blob, aside)
    await symlink(aside, blob)
    expect(await scan('image')).toMatchObject({ code: 1, stderr: expect.stringContaining('symlink') })
    await rm(blob)
    await link(aside, blob)
    await rename(join(layout.directory, 'blobs'), join(directory, 'blobs'))
    await symlink(join(directory, 'blobs'), join(layout.directory, 'blobs'))
    expect((await scan('image', ['--exit-code', '10'])).code).toBe(10)
  })

  test.each(['im@age', 'im:age'])('does not find it at %s', async (name) => {
    const { directory, scan } = await placeOf('vulnerable')
    await rename(join(directory, 'image'), join(directory, name))
    expect((await scan(name)).code).toBe(1)
  })

  test('reads a layer as it lies there, whatever its digest is', async () => {
    const { directory, layout, image, scan } = await placeOf('clean')
    const other = await writeSampleLayout(join(directory, 'other'), { platforms: [sample('vulnerable')] })
    const [[mine], [its]] = [image.layers, first(other).layers]
    if (mine === undefined || its === undefined) throw new Error('a sample has no layer')
    await copyFile(blobPath(other.directory, its.digest), blobPath(layout.directory, mine.digest))
    expect((await scan('image', ['--exit-code', '10'])).code).toBe(10)
  })

  test('ends with 1 when a layer is not there, or half', async () => {
    const { layout, image, scan } = await placeOf('clean')
    const blob = blobPath(layout.directory, image.layers[0]?.digest ?? image.config.digest)
    await truncate(blob, 40)
    expect((await scan('image')).code).toBe(1)
    await rm(blob)
    expect((await scan('image')).code).toBe(1)
  })

  test('says nothing at all about an image from scratch but which it is', async () => {
    const { image, scan } = await placeOf('scratch')
    const { code, report } = await scan('image')
    expect(code).toBe(0)
    expect(report).not.toHaveProperty('Results')
    expect(report.Metadata.ImageID).toBe(image.config.digest)
  })

  test('knows layers by what the configuration calls them, and no better', async () => {
    const { directory, scan } = await place()
    const token = { files: { 'app/.env': sample('deleted-secret').layers[0]?.files['app/.env'] ?? '' } }
    const platforms = [{ platform: 'linux/amd64', layers: [{ files: { a: 'hello, this is all there is\n' } }, token] }]
    const layout = await writeSampleLayout(join(directory, 'image'), { platforms })
    expect((await scan('image', ['--exit-code', '10'])).code).toBe(10)
    const path = blobPath(layout.directory, first(layout).config.digest)
    const config = JSON.parse(await readFile(path, 'utf8'))
    for (const ids of [[config.rootfs.diff_ids[0], config.rootfs.diff_ids[0]], []]) {
      await writeFile(path, JSON.stringify({ ...config, rootfs: { ...config.rootfs, diff_ids: ids } }))
      expect((await scan('image', ['--exit-code', '10'])).code).toBe(0)
    }
  })
})

describe.skipIf(!ready)('Trivy ends', () => {
  test('with 0 in spite of findings, unless it is told another number', async () => {
    const { scan } = await placeOf('vulnerable')
    expect((await scan('image')).code).toBe(0)
    expect((await scan('image', ['--exit-code', '10'])).code).toBe(10)
  })

  test.each([
    ['a severity in small letters', ['--severity', 'high']],
    ['an image that is not there', ['--input', 'nothing']],
    ['exceptions that are not there', ['--ignorefile', 'nothing.yaml']],
  ])('with 1 for %s', async (_name, more) => {
    const { scan } = await placeOf('vulnerable')
    expect((await scan('image', [...more, '--exit-code', '10'])).code).toBe(1)
  })

  test('with neither 0 nor the number of findings when its database is cut off', async () => {
    const { cache, scan } = await placeOf('vulnerable')
    await truncate(join(cache, 'db', 'trivy.db'), 20_000)
    expect([1, 2]).toContain((await scan('image', ['--exit-code', '10'])).code)
  })
})

describe.skipIf(!ready)('Trivy obeys', () => {
  test('all of a list that is given twice', async () => {
    const { scan } = await placeOf('deleted-secret')
    const { code } = await scan('image', ['--scanners', 'vuln,secret', '--scanners', 'vuln', '--exit-code', '10'])
    expect(code).toBe(10)
  })

  test.each([
    ['a trivy.yaml', { 'trivy.yaml': 'severity: [LOW]\n' }],
    ['a .trivyignore', { '.trivyignore': 'CVE-2019-14697\n' }],
  ])('%s of its working directory, without being told of it', async (_name, files) => {
    const { scan } = await placeOf('vulnerable', files)
    expect((await scan('image', ['--exit-code', '10'])).code).toBe(0)
  })

  test('variables of its environment', async () => {
    const { scan } = await placeOf('vulnerable')
    expect((await scan('image', ['--exit-code', '10'], { TRIVY_PKG_TYPES: 'library' })).code).toBe(0)
  })

  test.each([
    ['an exception that has expired', 'a.yaml', 'vulnerabilities: [{ id: CVE-2019-14697, expired_at: 2020-01-31 }]\n'],
    ['an exception with a misspelt key', 'a.yaml', 'vulnerabilities: [{ idd: CVE-2019-14697 }]\n'],
    ['YAML under another name', 'a.txt', 'vulnerabilities: [{ id: CVE-2019-14697 }]\n'],
  ])('not %s, and says nothing', async (_name, file, text) => {
    const { scan } = await placeOf('vulnerable', { [file]: text })
    const { code, stderr } = await scan('image', ['--ignorefile', file, '--exit-code', '10'])
    expect(code).toBe(10)
    expect(stderr).toContain('INFO')
    expect(stderr).not.toMatch(/CVE|expire|ignore|idd|a\.yaml|a\.txt/i)
  })

  test('a database of any age', async () => {
    const { cache, scan } = await placeOf('vulnerable')
    const path = join(cache, 'db', 'metadata.json')
    const old = { ...JSON.parse(await readFile(path, 'utf8')), UpdatedAt: '2020-01-01T00:00:00Z' }
    await writeFile(path, JSON.stringify({ ...old, NextUpdate: '2020-01-02T00:00:00Z' }))
    const { code, stderr } = await scan('image', ['--exit-code', '10'])
    expect(code).toBe(10)
    expect(stderr).toContain('INFO')
    expect(stderr).not.toMatch(/2020|outdated|is old|database|\bDB\b/)
  })
})

describe.skipIf(!ready)('secrets: Trivy', () => {
  test('repeats the environment in clear, also what it masks elsewhere', async () => {
    const { scan } = await placeOf('secret-in-env')
    const { report } = await scan('image')
    const [variable = ''] = sample('secret-in-env').env ?? []
    expect(JSON.stringify(report.Metadata.ImageConfig)).toContain(variable)
    expect(JSON.stringify(report.Results)).not.toContain(variable)
  })

  test('finds them in a file that a later layer takes away', async () => {
    const { scan } = await placeOf('deleted-secret')
    expect((await scan('image', ['--exit-code', '10'])).code).toBe(10)
  })

  test('does not look below an inner CMD, and its cache of layers does not know that it did not', async () => {
    const { directory, scan } = await place()
    const shared = INNER_COMMAND.layers.slice(0, 1)
    await writeSampleLayout(join(directory, 'below'), { platforms: [INNER_COMMAND] })
    await writeSampleLayout(join(directory, 'own'), { platforms: [{ platform: 'linux/arm64', layers: shared }] })
    const exit = ['--exit-code', '10']
    expect((await scan('below', exit)).code).toBe(0)
    expect((await scan('own', exit)).code).toBe(10)
    const kept = [...exit, '--cache-backend', 'fs']
    expect([(await scan('below', kept)).code, (await scan('own', kept)).code]).toEqual([0, 0])
  })
})

describe.skipIf(!ready)('with a cache in memory, Trivy', () => {
  test('runs twice at once over one folder', async () => {
    const { scan } = await placeOf('vulnerable')
    const both = await Promise.all([scan('image', ['--exit-code', '10']), scan('image', ['--exit-code', '10'])])
    expect(both.map(({ code }) => code)).toEqual([10, 10])
  })

  test('leaves no cache of layers behind', async () => {
    const { cache, scan } = await placeOf('vulnerable')
    await scan('image')
    await expect(readFile(join(cache, 'fanal', 'fanal.db'))).rejects.toThrow('ENOENT')
    await scan('image', ['--cache-backend', 'fs'])
    expect((await readFile(join(cache, 'fanal', 'fanal.db'))).length).toBeGreaterThan(0)
  })
})

describe.skipIf(!ready)('convert of Trivy', () => {
  async function converted(more: readonly string[], atScan: readonly string[] = []) {
    const { directory, run, scan } = await placeOf('several')
    const { stdout } = await scan('image', ['--list-all-pkgs', ...atScan])
    await writeFile(join(directory, 'report.json'), stdout)
    const ended = await run(['convert', '--quiet', ...more, 'report.json'])
    expect(ended.code).toBe(0)
    return { ...ended, direct: (format: string) => scan('image', ['--format', format]) }
  }

  test('writes the SARIF that a scan would have written', async () => {
    const { stdout, direct } = await converted(['--format', 'sarif'])
    expect(JSON.parse(stdout).version).toBe('2.1.0')
    expect(stdout).toBe((await direct('sarif')).stdout)
  })

  test('leaves out severities, and has none back that the scan left out', async () => {
    const low = ['--severity', 'LOW']
    const [all, fewer] = [await converted(['--format', 'json']), await converted(['--format', 'json', ...low])]
    expect([all, fewer].map(({ stdout }) => stdout.includes('CVE-2019-14697'))).toEqual([true, false])
    const never = await converted(['--format', 'json'], low)
    expect(['CVE-2019-1563', 'CVE-2019-14697'].map((id) => never.stdout.includes(id))).toEqual([true, false])
  })

  test('writes packages and vulnerabilities into a CycloneDX document, where a scan lists packages alone', async () => {
    const { stdout, direct } = await converted(['--format', 'cyclonedx'])
    const [bom, own] = [JSON.parse(stdout), JSON.parse((await direct('cyclonedx')).stdout)]
    expect([bom.components.length, bom.vulnerabilities.length > 0]).toEqual([own.components.length, true])
    expect(own.vulnerabilities ?? []).toEqual([])
  })

  test('has no packages to write where the scan did not list them', async () => {
    const { stdout } = await converted(['--format', 'cyclonedx'], ['--list-all-pkgs=false'])
    expect(JSON.parse(stdout).components ?? []).not.toContainEqual(expect.objectContaining({ type: 'library' }))
    const { stdout: listed } = await converted(['--format', 'cyclonedx'])
    expect(JSON.parse(listed).components).toContainEqual(expect.objectContaining({ type: 'library', name: 'musl' }))
  })

  test.each(['{}', '{"SchemaVersion":2'])('ends with 1 for %s', async (text) => {
    const { run } = await place({ 'report.json': text })
    const ended = await run(['convert', '--format', 'sarif', 'report.json'])
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('FATAL') })
  })
})
