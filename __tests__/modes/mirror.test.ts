import { describe, expect, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import { FALSE_TOKEN } from '../scan/samples.ts'
import { fakeTrivy } from '../scan/world.ts'
import {
  methods,
  mirrored,
  outcomes,
  putImage,
  putIndex,
  putReferrer,
  registry,
  steps,
  tagsOf,
} from './given-mirror.ts'

/** Two registries, and some tags at the source. */
async function sides(tags: readonly string[] = ['1.0', '1.1', '2.0']) {
  const [from, to] = [await registry(), await registry()]
  const digests = Object.fromEntries(tags.map((tag) => [tag, putImage(from, 'up/app', { tag })]))
  const line = (attributes = 'tags=*') => `${from.host}/up/app => ${to.host}/my/app ; ${attributes}`
  const reset = () => {
    from.reset()
    to.reset()
  }
  return { from, to, digests, line, reset }
}

describe('what changed', () => {
  test('is copied: first all, then nothing at the price of HEADs and one list, then what moved', async () => {
    const tags = Array.from({ length: 12 }, (_, at) => `1.${at}`)
    const { from, to, digests, line, reset } = await sides(tags)
    const first = await mirrored({ inputs: { images: line(), 'lock-file': 'lock' } })
    expect(first.report).toMatchObject({ result: 'mirrored', mode: 'mirror' })
    expect(first.report.failure).toBeUndefined()
    expect(outcomes(first.report.images)).toEqual(Object.fromEntries(tags.map((tag) => [tag, 'copied'])))
    expect(tagsOf(to, 'my/app')).toEqual(digests)
    // Each manifest is read once; the configuration that all share travels once.
    expect(steps(from)).toMatchObject({ tags: 1, 'manifest-head': 12, 'manifest-get': 12, 'blob-get': 13 })
    expect(steps(to)['upload-put']).toBe(13)

    reset()
    const second = await mirrored({ inputs: { images: line() }, lock: first.lock })
    expect(second.report.result).toBe('unchanged')
    expect(steps(from)).toEqual({ tags: 1, 'manifest-head': 12 })
    expect(steps(to)).toEqual({ 'manifest-head': 12 })
    expect(second.lock).toEqual(first.lock)

    for (const tag of tags.slice(0, 5)) digests[tag] = putImage(from, 'up/app', { tag, layers: [`new ${tag}`] })
    reset()
    const third = await mirrored({ inputs: { images: line() }, lock: second.lock })
    expect(Object.values(outcomes(third.report.images)).toSorted()).toEqual([
      ...Array(5).fill('copied'),
      ...Array(7).fill('unchanged'),
    ])
    expect(steps(from)).toMatchObject({ tags: 1, 'manifest-head': 12, 'manifest-get': 5, 'blob-get': 5 })
    // A layer, the manifest by its digest, and the tag.
    expect(to.writes()).toHaveLength(15)
    expect(tagsOf(to, 'my/app')).toEqual(digests)
  })

  test('goes to two targets by one read of the source', async () => {
    const { from, to, digests } = await sides()
    const other = await registry()
    const images = `${from.host}/up/app => ${to.host}/my/app, ${other.host}/your/app ; tags=*`
    const { report } = await mirrored({ inputs: { images } })
    expect(report.failure).toBeUndefined()
    expect(steps(from)).toMatchObject({ 'manifest-get': 3, 'blob-get': 4 })
    for (const at of [tagsOf(to, 'my/app'), tagsOf(other, 'your/app')]) expect(at).toEqual(digests)
    for (const at of [to, other]) expect(steps(at)['upload-put']).toBe(4)
  })

  test('travels once to a repository, whatever number of images share it', async () => {
    const { from, to, line } = await sides([])
    for (const tag of ['a', 'b', 'c', 'd']) putImage(from, 'up/app', { tag, layers: ['the same', `of ${tag}`] })
    await mirrored({ inputs: { images: line() } })
    expect(steps(from)['blob-get']).toBe(6)
    expect(steps(to)['upload-put']).toBe(6)
  })

  test('under two names in one repository counts its bytes once', async () => {
    const { from, to, digests } = await sides(['1'])
    const images = `${from.host}/up/app:1 => ${to.host}/my/app:1, ${to.host}/my/app:one`
    const { report } = await mirrored({ inputs: { images } })
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digests['1'], one: digests['1'] })
    expect(report.images.map(({ bytes }) => bytes > 0)).toEqual([true, false])
  })

  test('is mounted where the source lies in the same registry', async () => {
    const { from, digests } = await sides(['1'])
    const { report } = await mirrored({ inputs: { images: `${from.host}/up/app:1 => ${from.host}/my/app` } })
    expect(report.failure).toBeUndefined()
    expect(tagsOf(from, 'my/app')).toEqual(digests)
    expect(steps(from)['upload-put'] ?? 0).toBeLessThan(2)
    expect(steps(from)['mount']).toBeGreaterThan(0)
  })

  test('of entries that overlap is written once', async () => {
    const { from, to, line } = await sides()
    const images = `${line('tags=1.*')}\n${from.host}/up/app:1.0 => ${to.host}/my/app`
    const { report } = await mirrored({ inputs: { images } })
    expect(outcomes(report.images)).toEqual({ '1.0': 'copied', '1.1': 'copied' })
    expect(to.requests.filter(({ step }) => step === 'tag-put')).toHaveLength(2)
  })
})

describe('a target that shows something else', () => {
  const given = async () => {
    const stage = await sides(['1.0', '1.1'])
    const before = putImage(stage.to, 'my/app', { tag: '1.0', layers: ['what was there'] })
    return { ...stage, before }
  }

  test('follows, and the report says what it showed', async () => {
    const { line, to, digests, before } = await given()
    const { report } = await mirrored({ inputs: { images: line() } })
    expect(tagsOf(to, 'my/app')).toEqual(digests)
    expect(report.images.find(({ target }) => target.endsWith(':1.0'))).toMatchObject({
      before,
      digest: digests['1.0'],
      outcome: 'copied',
    })
  })

  test('stays with `existing: add`, and what is missing comes', async () => {
    const { line, to, digests, before } = await given()
    const { report } = await mirrored({ inputs: { images: line(), existing: 'add' } })
    expect(tagsOf(to, 'my/app')).toEqual({ '1.0': before, '1.1': digests['1.1'] })
    expect(outcomes(report.images)).toEqual({ '1.0': 'kept', '1.1': 'copied' })
    expect(report.failure).toBeUndefined()
  })

  test('is an error with `existing: fail`, and the others go on', async () => {
    const { line, to, digests, before } = await given()
    const { report } = await mirrored({ inputs: { images: line(), existing: 'fail' } })
    expect(tagsOf(to, 'my/app')).toEqual({ '1.0': before, '1.1': digests['1.1'] })
    expect(report.images.find(({ outcome }) => outcome === 'failed')).toMatchObject({ code: 'TAG_EXISTS' })
    expect(report.failure?.code).toBe('PARTLY_COPIED')
  })

  test.each([
    ['follow', 'copied', undefined],
    ['add', 'kept', undefined],
    ['fail', 'failed', 'TAG_EXISTS'],
  ] as const)('since the content travelled is dealt with as before: %s', async (existing, outcome, code) => {
    const { from, to, line } = await sides(['1.0'])
    // The tag is written by somebody else as soon as the blobs begin to move.
    from.fail({ step: 'blob-get', when: { nth: 1 }, effect: { kind: 'delay', ms: 150 } })
    const running = mirrored({ inputs: { images: line(), existing } })
    while (!from.requests.some(({ step }) => step === 'blob-get')) await new Promise((go) => setTimeout(go, 5))
    const theirs = putImage(to, 'my/app', { tag: '1.0', layers: ['theirs'] })
    const { report } = await running
    expect(outcomes(report.images)).toEqual({ '1.0': outcome })
    expect(report.failure?.code).toBe(code)
    expect(tagsOf(to, 'my/app')['1.0'] === theirs).toBe(outcome !== 'copied')
  })
})

describe('a source that moves during the copy', () => {
  test('is copied as it was seen', async () => {
    const { from, to, digests, line } = await sides(['1.0'])
    from.fail({ step: 'manifest-get', when: { nth: 1 }, effect: { kind: 'delay', ms: 150 } })
    const running = mirrored({ inputs: { images: line() } })
    while (!from.requests.some(({ step }) => step === 'manifest-get')) await new Promise((go) => setTimeout(go, 5))
    putImage(from, 'up/app', { tag: '1.0', layers: ['newer'] })
    await running
    expect(tagsOf(to, 'my/app')).toEqual(digests)
  })
})

describe('the old image', () => {
  test('is kept under another tag before its own moves', async () => {
    const { to, line, digests } = await sides(['1.0', '1.1'])
    const old = putImage(to, 'my/app', { tag: '1.0', layers: ['old'] })
    const { report, lines } = await mirrored({ inputs: { images: line(), backup: 'bkup-{{.Ref.Tag}}' } })
    expect(report.failure).toBeUndefined()
    expect(tagsOf(to, 'my/app')).toEqual({ ...digests, 'bkup-1.0': old })
    const puts = to.requests.flatMap(({ step, reference }) => (step === 'tag-put' ? [reference] : []))
    expect(puts.indexOf('bkup-1.0')).toBeLessThan(puts.indexOf('1.0'))
    expect(lines.join('\n')).toContain('is kept as')
  })

  test('is kept in another repository, with all of its content', async () => {
    const { to, line } = await sides(['1.0'])
    const attic = await registry()
    const old = putImage(to, 'my/app', { tag: '1.0', layers: ['old'] })
    const backup = `${attic.host}/attic/app:{{.Ref.Tag}}`
    const { report } = await mirrored({ inputs: { images: line(), backup } })
    expect(report.failure).toBeUndefined()
    expect(tagsOf(attic, 'attic/app')).toEqual({ '1.0': old })
    expect(attic.repositories.get('attic/app')?.blobs.has(digestOf('old'))).toBe(true)
  })

  test('that cannot be kept stays, and others are written', async () => {
    const { to, line, digests } = await sides(['1.0', '1.1'])
    const old = putImage(to, 'my/app', { tag: '1.0', layers: ['old'] })
    to.fail({ step: 'tag-put', reference: 'bkup-1.0', effect: { kind: 'status', status: 403 } })
    const { report } = await mirrored({ inputs: { images: line(), backup: 'bkup-{{.Ref.Tag}}' } })
    expect(tagsOf(to, 'my/app')).toEqual({ '1.0': old, '1.1': digests['1.1'] })
    expect(outcomes(report.images)).toEqual({ '1.0': 'failed', '1.1': 'copied' })
  })

  test('that somebody wrote while the content travelled is kept as well', async () => {
    const { from, to, line, digests } = await sides(['1.0'])
    from.fail({ step: 'blob-get', when: { nth: 1 }, effect: { kind: 'delay', ms: 150 } })
    const running = mirrored({ inputs: { images: line(), backup: 'bkup-{{.Ref.Tag}}' } })
    while (!from.requests.some(({ step }) => step === 'blob-get')) await new Promise((go) => setTimeout(go, 5))
    const theirs = putImage(to, 'my/app', { tag: '1.0', layers: ['theirs'] })
    await running
    expect(tagsOf(to, 'my/app')).toEqual({ ...digests, 'bkup-1.0': theirs })
  })

  test('of one target that cannot be kept is no reason to leave the other target', async () => {
    const { from, to, digests } = await sides(['1.0'])
    const other = await registry()
    const old = putImage(to, 'my/app', { tag: '1.0', layers: ['old'] })
    putImage(other, 'my/app', { tag: '1.0', layers: ['old'] })
    to.fail({ step: 'tag-put', reference: 'bkup-1.0', effect: { kind: 'status', status: 403 } })
    const images = `${from.host}/up/app:1.0 => ${to.host}/my/app, ${other.host}/my/app`
    const { report } = await mirrored({ inputs: { images, backup: 'bkup-{{.Ref.Tag}}' } })
    expect(tagsOf(to, 'my/app')).toEqual({ '1.0': old })
    expect(tagsOf(other, 'my/app')).toEqual({ '1.0': digests['1.0'], 'bkup-1.0': old })
    expect(report.failure?.code).toBe('PARTLY_COPIED')
  })
})

describe('the gate', () => {
  const gate = async (scan?: string) => ({
    scan: 'gate',
    scanners: 'secret',
    'trivy-path': `${await fakeTrivy(scan === undefined ? {} : { scan })}/trivy`,
  })
  /** Finds a secret in whatever has this word in its layers. */
  const refusing = (word: string) => `
    const input = option('--input')
    const read = (digest) => fs.readFileSync(input + '/blobs/' + digest.replace(':', '/'))
    const manifest = JSON.parse(read(JSON.parse(fs.readFileSync(input + '/index.json')).manifests[0].digest))
    const isBad = manifest.layers.some(({ digest }) => read(digest).includes('${word}'))
    const secret = { RuleID: 'github-pat', Category: 'GitHub', Severity: 'CRITICAL', Title: 'a token', StartLine: 1, EndLine: 1, Match: '***' }
    const results = isBad ? [{ Target: '/token', Class: 'secret', Secrets: [secret] }] : []
    fs.writeFileSync(option('--output'), JSON.stringify({ SchemaVersion: 2, ArtifactName: input, ArtifactType: 'container_image',
      Metadata: { ImageID: manifest.config.digest }, Results: results }))
    process.exit(isBad ? 10 : 0)`

  test('refuses an image before anything of it is written, and lets the others in', async () => {
    const { from, to, line, digests } = await sides(['1.0', '1.1'])
    const old = putImage(to, 'my/app', { tag: '2.0', layers: ['old'] })
    putImage(from, 'up/app', { tag: '2.0', layers: [`bad ${FALSE_TOKEN}`] })
    const { report } = await mirrored({ inputs: { images: line(), ...(await gate(refusing('bad'))) } })
    expect(outcomes(report.images)).toEqual({ '1.0': 'copied', '1.1': 'copied', '2.0': 'failed' })
    expect(report.images.find(({ outcome }) => outcome === 'failed')?.code).toBe('SCAN_FINDINGS')
    expect(tagsOf(to, 'my/app')).toEqual({ ...digests, '2.0': old })
    expect(to.repositories.get('my/app')?.blobs.has(digestOf(`bad ${FALSE_TOKEN}`))).toBe(false)
    expect(JSON.stringify(report)).not.toContain(FALSE_TOKEN)
  })

  test('that refuses the only image says so by its own code', async () => {
    const { from, to, line } = await sides([])
    putImage(from, 'up/app', { tag: '2.0', layers: ['bad'] })
    const { report } = await mirrored({ inputs: { images: line(), ...(await gate(refusing('bad'))) } })
    expect(report.failure?.code).toBe('SCAN_FINDINGS')
    expect(to.writes()).toEqual([])
  })

  test('reads the source once, and signatures still come from there', async () => {
    const { from, to, line, digests } = await sides(['1.0'])
    const signature = putReferrer(from, 'up/app', digests['1.0'] ?? digestOf(''), 'signed')
    const { report } = await mirrored({ inputs: { images: line(), ...(await gate()) } })
    expect(report.failure).toBeUndefined()
    expect(to.repositories.get('my/app')?.manifests.has(signature)).toBe(true)
    expect(
      from.requests.filter(({ step, reference }) => step === 'manifest-get' && reference === digests['1.0']),
    ).toHaveLength(1)
  })

  test('is not asked about what is there already', async () => {
    const { to, from, line } = await sides(['1.0'])
    await mirrored({ inputs: { images: line() } })
    to.reset()
    from.reset()
    const { report } = await mirrored({ inputs: { images: line(), ...(await gate('process.exit(3)')) } })
    expect(report.result).toBe('unchanged')
    expect(methods(from)).toEqual({ GET: 1, HEAD: 1 })
  })
})

describe('looking only', () => {
  test('`check` tells drift, writes nothing and is green', async () => {
    const { to, line } = await sides(['1.0', '1.1'])
    const { report } = await mirrored({ inputs: { images: line(), check: 'true' } })
    expect(report).toMatchObject({ result: 'drift' })
    expect(report.failure).toBeUndefined()
    expect(outcomes(report.images)).toEqual({ '1.0': 'planned', '1.1': 'planned' })
    expect(methods(to)).toEqual({ HEAD: 2 })
  })

  test('`check: strict` is red on drift, and names what is behind', async () => {
    const { from, to, line } = await sides(['1.0'])
    const { report } = await mirrored({ inputs: { images: line(), check: 'strict' } })
    expect(report).toMatchObject({ result: 'drift', failure: { code: 'DRIFT' } })
    expect(report.failure?.message).toContain(`${to.host}/my/app:1.0 is behind ${from.host}/up/app:1.0`)
    await mirrored({ inputs: { images: line() } })
    const again = await mirrored({ inputs: { images: line(), check: 'strict' } })
    expect(again.report).toMatchObject({ result: 'checked' })
    expect(again.report.failure).toBeUndefined()
  })

  test('a dry run shows what each target would show', async () => {
    const { to, line, digests } = await sides(['1.0'])
    const before = putImage(to, 'my/app', { tag: '1.0', layers: ['old'] })
    const { report, lock } = await mirrored({ inputs: { images: line(), 'dry-run': 'true' } })
    expect(report).toMatchObject({
      result: 'dry-run',
      images: [{ outcome: 'planned', before, digest: digests['1.0'] }],
    })
    expect(to.writes()).toEqual([])
    expect(Object.values(lock.images).flatMap(({ targets }) => Object.keys(targets))).toEqual([])
  })
})

describe('what goes wrong', () => {
  test('with one image stops no other; the step is red and names it', async () => {
    const { from, line, digests, to } = await sides()
    from.fail({ step: 'manifest-get', reference: digests['1.1'] ?? '', effect: { kind: 'status', status: 403 } })
    const { report } = await mirrored({ inputs: { images: line() } })
    expect(outcomes(report.images)).toEqual({ '1.0': 'copied', '1.1': 'failed', '2.0': 'copied' })
    expect(report).toMatchObject({ result: 'failed', failure: { code: 'PARTLY_COPIED' } })
    expect(report.failure?.message).toMatch(/^1 image could not be mirrored, 2 were\n.*up\/app:1\.1: /)
    expect(Object.keys(tagsOf(to, 'my/app')).toSorted()).toEqual(['1.0', '2.0'])
  })

  test('with the first one ends it all where that is asked for', async () => {
    const { from, line, to } = await sides(Array.from({ length: 40 }, (_, at) => `1.${at}`))
    from.fail({ step: 'blob-get', effect: { kind: 'status', status: 403 } })
    const { report } = await mirrored({ inputs: { images: line(), 'on-error': 'abort' } })
    const ended = Object.values(outcomes(report.images))
    expect(ended.filter((one) => one === 'not-reached').length).toBeGreaterThan(10)
    expect(new Set(ended)).toEqual(new Set(['failed', 'not-reached']))
    expect(to.requests.filter(({ step }) => step === 'tag-put')).toEqual([])
  })

  test('when a source is not there has its own code', async () => {
    const { from, to } = await sides()
    const { report } = await mirrored({ inputs: { images: `${from.host}/up/app:9 => ${to.host}/my/app` } })
    expect(report).toMatchObject({ failure: { code: 'SOURCE_MISSING' }, images: [{ outcome: 'failed' }] })
    expect(to.writes()).toEqual([])
  })

  test('when two sources would show under one target is found before anything is written', async () => {
    const { from, to, line } = await sides()
    putImage(from, 'other/app', { tag: '1.0', layers: ['other'] })
    const images = `${line()}\n${from.host}/other/app => ${to.host}/my/app ; tags=1.*`
    const { report } = await mirrored({ inputs: { images } })
    expect(report.failure).toMatchObject({ code: 'INPUT_INVALID' })
    expect(report.failure?.message).toContain(`${to.host}/my/app:1.0 is to show ${from.host}/up/app:1.0 and`)
    expect(to.requests).toEqual([])
  })

  test('when two entries make different parts of one image for one target as well', async () => {
    const { from, to, line } = await sides([])
    putIndex(from, 'up/app', { tag: '1' })
    const images = `${line('tags=* ; platforms=linux/amd64')}\n${from.host}/up/app:1 => ${to.host}/my/app`
    const { report } = await mirrored({ inputs: { images } })
    expect(report.failure?.message).toContain('is to show')
    expect(to.requests).toEqual([])
  })

  test('when a pattern fits nothing is an error, unless there may be nothing', async () => {
    const { line } = await sides()
    const { report } = await mirrored({ inputs: { images: line('tags=3.*') } })
    expect(report.failure).toMatchObject({ code: 'NOTHING_MATCHED' })
    expect(report.failure?.message).toContain('3.*')
    const allowed = await mirrored({ inputs: { images: line('tags=3.* ; allow-empty') } })
    expect(allowed.report).toMatchObject({ result: 'unchanged', images: [] })
  })

  test('when a list cannot be had fails that entry alone', async () => {
    const { from, to, line } = await sides(['1.0'])
    putImage(from, 'other/app', { tag: '7' })
    from.fail({ step: 'tags', repository: 'other/app', effect: { kind: 'status', status: 403 } })
    const images = `${line()}\n${from.host}/other/app => ${to.host}/other ; tags=*`
    const { report } = await mirrored({ inputs: { images } })
    expect(report.images.map(({ outcome }) => outcome).toSorted()).toEqual(['copied', 'failed'])
    expect(report.failure?.code).toBe('PARTLY_COPIED')
  })

  test('that is of a type which a file leaves out stays away, and the summary says so', async () => {
    const { from, to } = await sides(['1.0'])
    const file = `version: 1
sync:
  - source: ${from.host}/up/app:1.0
    target: ${to.host}/my/app:1.0
    type: image
    mediaTypes: [application/vnd.oci.image.index.v1+json]
`
    const { report } = await mirrored({ inputs: { config: 'mirror.yml' }, files: { 'mirror.yml': file } })
    expect(report.failure).toBeUndefined()
    expect(report.images).toMatchObject([{ outcome: 'kept', origin: 'mirror.yml, line 3' }])
    expect(report.images[0]?.reason).toContain('application/vnd.oci.image.manifest.v1+json')
    expect(to.writes()).toEqual([])
  })

  test('when nobody knows the type is an error', async () => {
    const { from, to, line } = await sides(['1.0', '1.1'])
    const set = { 'content-type': 'application/vnd.strange+json' }
    from.fail({ step: ['manifest-head', 'manifest-get'], reference: '1.1', effect: { kind: 'headers', set } })
    const { report } = await mirrored({ inputs: { images: line() } })
    expect(outcomes(report.images)).toEqual({ '1.0': 'copied', '1.1': 'failed' })
    expect(report.failure?.message).toContain('application/vnd.strange+json')
    expect(Object.keys(tagsOf(to, 'my/app'))).toEqual(['1.0'])
  })

  test('when the source breaks off in the middle of a blob is mended', async () => {
    const { from, to, line } = await sides([])
    const digest = putImage(from, 'up/app', { tag: '1', layers: [Buffer.alloc(300_000, 'a long layer ')] })
    from.fail({ step: 'blob-get', when: { nth: 2 }, effect: { kind: 'cut', after: 100_000 } })
    from.fail({ step: 'blob-get', when: { nth: 1 }, effect: { kind: 'cut', after: 10 } })
    const { report } = await mirrored({ inputs: { images: line() } })
    expect(report.failure).toBeUndefined()
    expect(tagsOf(to, 'my/app')).toEqual({ 1: digest })
  })

  test('when a blob is not what it claims reaches no target', async () => {
    const { from, to, line } = await sides(['1.0', '1.1'])
    const bad = digestOf('layer of 1.1')
    from.fail({ step: 'blob-get', digest: bad, effect: { kind: 'corrupt' } })
    const { report } = await mirrored({ inputs: { images: line() } })
    expect(outcomes(report.images)).toEqual({ '1.0': 'copied', '1.1': 'failed' })
    expect(report.images.find(({ outcome }) => outcome === 'failed')?.code).toBe('CONTENT_INVALID')
    expect(to.repositories.get('my/app')?.blobs.has(bad)).toBe(false)
  })

  test('when a target dies serves the other one', async () => {
    const { from, to, digests } = await sides(['1.0'])
    const dying = await registry({ faults: [{ step: ['upload-open', 'upload-put'], effect: { kind: 'reset' } }] })
    const images = `${from.host}/up/app:1.0 => ${to.host}/my/app, ${dying.host}/my/app`
    const { report } = await mirrored({ inputs: { images } })
    expect(tagsOf(to, 'my/app')).toEqual(digests)
    expect(report.images.map(({ outcome }) => outcome).toSorted()).toEqual(['copied', 'failed'])
    expect(tagsOf(dying, 'my/app')).toEqual({})
    expect(report.failure?.message).toContain(dying.host)
  })

  test('is finished by the next run, which sends only what is missing', async () => {
    const { from, to, line, digests } = await sides()
    to.fail({ step: 'manifest-put', effect: { kind: 'status', status: 403 } })
    to.fail({ step: 'tag-put', effect: { kind: 'status', status: 403 } })
    const broken = await mirrored({ inputs: { images: line() } })
    expect(broken.report.failure?.code).toBe('PUSH_DENIED')
    expect(tagsOf(to, 'my/app')).toEqual({})
    to.heal()
    to.reset()
    from.reset()
    const { report } = await mirrored({ inputs: { images: line() }, lock: broken.lock })
    expect(report.failure).toBeUndefined()
    expect(tagsOf(to, 'my/app')).toEqual(digests)
    expect(steps(to)['upload-put']).toBeUndefined()
    expect(steps(from)['blob-get']).toBeUndefined()
  })
})

describe('a cancel', () => {
  test('lists all that was not reached', async () => {
    const { from, line, to } = await sides(Array.from({ length: 30 }, (_, at) => `1.${at}`))
    const cancel = new AbortController()
    from.fail({ step: 'blob-get', effect: { kind: 'delay', ms: 60_000 } })
    const running = mirrored({ inputs: { images: line() }, signal: cancel.signal })
    while (!from.requests.some(({ step }) => step === 'blob-get')) await new Promise((go) => setTimeout(go, 5))
    cancel.abort(new LadingError('CANCELLED', 'the step was cancelled'))
    const { report } = await running
    expect(report.failure?.code).toBe('CANCELLED')
    expect(new Set(Object.values(outcomes(report.images)))).toEqual(new Set(['not-reached']))
    expect(report.images).toHaveLength(30)
    expect(tagsOf(to, 'my/app')).toEqual({})
  })
})

describe('time', () => {
  test('that is used up holds what was not begun, those first next time that waited longest', async () => {
    const { from, line, to } = await sides(Array.from({ length: 40 }, (_, at) => `1.${at}`))
    from.fail({ step: 'tags', effect: { kind: 'delay', ms: 1100 } })
    const { report } = await mirrored({ inputs: { images: line(), 'time-budget': '1s' } })
    expect(report.failure).toBeUndefined()
    expect(new Set(Object.values(outcomes(report.images)))).toEqual(new Set(['held']))
    expect(report.images[0]?.reason).toContain('time budget')
    expect(to.writes()).toEqual([])
  })
})
