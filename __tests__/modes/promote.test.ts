import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import { answers, fakeTrivy } from '../scan/world.ts'
import { loginAt } from '../support/client.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'
import { blobPath, type SampleSpec } from '../support/sample-layout.ts'
import { manifestOf, promote, registry, SOURCE, seed, tagsOf, tally } from './promoting.ts'

const OLD = 'a'.repeat(40)
const NEW = 'b'.repeat(40)

/** An image of this repository that tells its version and commit, different from any other one. */
function release(version: string, revision = NEW, more: Partial<SampleSpec> = {}): SampleSpec {
  const labels = {
    'org.opencontainers.image.source': SOURCE,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.revision': revision,
  }
  const layers = [{ files: { 'etc/base': 'base' } }, { files: { 'app/version': version } }]
  return { platforms: [{ platform: 'linux/amd64', layers, labels }], ...more }
}

const ATTESTED: SampleSpec = {
  platforms: ['linux/amd64', 'linux/arm64'].map((platform) => ({
    platform,
    layers: [{ files: { 'etc/base': 'base' } }, { files: { 'app/main': platform } }],
  })),
  attestations: true,
  annotations: { 'com.example.reviewed': 'yes' },
}

const NEVER = { 'trivy-path': '/not/there/trivy' }

/** Inputs that give an image a version and its moving tags, without a scan. */
function asked(from: string, ...images: readonly string[]): Record<string, string> {
  return { from, images: images.join('\n'), version: '1.3.0', tags: 'version,latest', scan: 'off' }
}

const outcomes = ({ report }: Awaited<ReturnType<typeof promote>>) => report.references.map(({ outcome }) => outcome)

describe('an image that is promoted', () => {
  test('within its repository costs nothing but tags', async () => {
    const one = await registry()
    const image = await seed(one, 'acme/api:rc', ATTESTED)
    await seed(one, 'acme/api:latest', release('1.2.0', OLD))
    const inputs = asked(`${one.host}/acme/api:rc`, `${one.host}/acme/api`)
    const { report } = await promote({ ...inputs, 'moving-tags': 'force' })
    expect(report).toMatchObject({ mode: 'promote', result: 'published', digest: image.digest, version: '1.3.0' })
    expect(tagsOf(one, 'acme/api')).toEqual({ rc: image.digest, '1.3.0': image.digest, latest: image.digest })
    expect(one.writes().map(({ step, reference }) => [step, reference])).toEqual([
      ['tag-put', '1.3.0'],
      ['tag-put', 'latest'],
    ])
    // The source, and each tag three times: before anything, before it is written, and after it.
    const looks = { 'manifest-head': 7 }
    // Manifests and configurations, which tell the platforms.
    const reads = { 'manifest-get': 5, 'blob-get': 2 }
    expect(tally(one)).toEqual({ ...looks, ...reads, 'tag-put': 2 })
  })

  test('into another repository of its registry is mounted, all of it, and nothing is sent', async () => {
    const one = await registry()
    const image = await seed(one, 'acme/staging:rc', ATTESTED)
    const { report } = await promote(asked(`${one.host}/acme/staging:rc`, `${one.host}/acme/api`))
    expect(tagsOf(one, 'acme/api')).toEqual({ '1.3.0': image.digest, latest: image.digest })
    expect(report.registries).toMatchObject([{ repository: 'acme/api', mounted: { blobs: 9 }, uploaded: { blobs: 0 } }])
    const steps = tally(one)
    // Two of the blobs are read: the configurations, which tell the platforms.
    expect([steps['mount'], steps['blob-get'], steps['upload-put']]).toEqual([9, 2, undefined])
  })

  test('into other registries stays what it is, byte for byte, attestations too, and each manifest is read once', async () => {
    const [here, one, other] = [await registry(), await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    const from = `${here.host}/acme/api@${image.digest}`
    const { report } = await promote(asked(from, `${one.host}/acme/api`, `${other.host}/acme/app`))
    expect(report.failure).toBeUndefined()
    const { manifests } = JSON.parse(readFileSync(blobPath(image.directory, image.root.digest), 'utf8'))
    expect(manifests).toHaveLength(4)
    for (const [where, name] of [
      [one, 'acme/api'],
      [other, 'acme/app'],
    ] as const) {
      expect(tagsOf(where, name)).toEqual({ '1.3.0': image.digest, latest: image.digest })
      for (const digest of [image.digest, ...manifests.map((child: { digest: string }) => child.digest)]) {
        expect(digestOf(manifestOf(where, name, digest) ?? '')).toBe(digest)
      }
    }
    expect(tally(here)['manifest-get']).toBe(5)
    expect(here.writes()).toEqual([])
  })

  test('is not sent again where it is already under another name', async () => {
    const [here, there] = [await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    await seed(there, 'acme/api:candidate', ATTESTED)
    await seed(there, 'acme/api:latest', release('1.2.0', OLD))
    const inputs = asked(`${here.host}/acme/api:rc`, `${there.host}/acme/api`)
    await promote({ ...inputs, 'moving-tags': 'force' })
    expect(there.writes().map(({ step }) => step)).toEqual(['tag-put', 'tag-put'])
    expect(tagsOf(there, 'acme/api')).toMatchObject({ '1.3.0': image.digest, latest: image.digest })
  })

  test('a second time is a HEAD for each tag and one for the source; no scanner is looked for', async () => {
    const [here, there] = [await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    const inputs = asked(`${here.host}/acme/api:rc`, `${there.host}/acme/api`)
    await promote(inputs)
    for (const one of [here, there]) one.reset()
    const again = await promote({ ...inputs, ...NEVER, scan: 'gate' })
    expect(again.report).toMatchObject({ result: 'unchanged', digest: image.digest })
    expect(outcomes(again)).toEqual(['unchanged', 'unchanged'])
    expect([tally(here), tally(there)]).toEqual([{ 'manifest-head': 1 }, { 'manifest-head': 2 }])
    expect(again.programs).toBe(0)
  })

  test('by its digest alone is one of the first of images', async () => {
    const one = await registry()
    const image = await seed(one, 'acme/api', ATTESTED)
    const { report } = await promote(asked(image.digest, `${one.host}/acme/api`))
    expect(report.digest).toBe(image.digest)
    expect(tagsOf(one, 'acme/api')['1.3.0']).toBe(image.digest)
  })

  test('in a dry run writes nothing and reads no layer', async () => {
    const [here, there] = [await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    const inputs = asked(`${here.host}/acme/api:rc`, `${there.host}/acme/api`)
    const done = await promote({ ...inputs, 'dry-run': 'true' })
    expect(done.report).toMatchObject({ result: 'dry-run', digest: image.digest })
    expect(outcomes(done)).toEqual(['planned', 'planned'])
    expect(there.writes()).toEqual([])
    const layers = image.platforms.flatMap((platform) => platform.layers.map(({ digest }) => digest))
    expect(here.requests.filter(({ digest = '' }) => layers.some((layer) => layer === digest))).toEqual([])
  })
})

describe('what hangs on the image', () => {
  const SIGNATURE = 'application/vnd.example.signature'

  /** A candidate with a signature that names it as its subject, and cosign's tag. */
  async function signed() {
    const [here, there] = [await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    const blob = Buffer.from('a signature')
    const described = { mediaType: SIGNATURE, digest: digestOf(blob), size: blob.length }
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = { schemaVersion: 2, mediaType, config: described, layers: [described] }
    const { digest, size } = image.root
    const subject = { mediaType: image.root.mediaType, digest, size }
    const sign = () =>
      here.put('acme/api', { manifest: { ...manifest, artifactType: SIGNATURE, subject }, blobs: [blob] })
    const cosignTag = `${image.digest.replace(':', '-')}.sig`
    const cosign = here.put('acme/api', { manifest, blobs: [blob], tag: cosignTag })
    const inputs = asked(`${here.host}/acme/api:rc`, `${there.host}/acme/api`)
    return { here, there, image, sign, cosign, cosignTag, inputs }
  }

  test('is carried before a tag shows it, byte for byte', async () => {
    const { there, image, sign, cosign, cosignTag, inputs } = await signed()
    const signature = sign()
    const { report } = await promote(inputs)
    expect(report.failure).toBeUndefined()
    expect(digestOf(manifestOf(there, 'acme/api', signature) ?? '')).toBe(signature)
    expect(tagsOf(there, 'acme/api')).toMatchObject({
      [cosignTag]: cosign,
      '1.3.0': image.digest,
      latest: image.digest,
    })
    const written = there.writes().map(({ reference }) => reference)
    for (const one of [signature, cosignTag]) expect(written.indexOf(one)).toBeLessThan(written.indexOf('1.3.0'))
  })

  test('stays behind with `referrers: false`', async () => {
    const { here, there, sign, inputs } = await signed()
    const signature = sign()
    await promote({ ...inputs, referrers: 'false' })
    expect(Object.keys(tagsOf(there, 'acme/api'))).toEqual(['1.3.0', 'latest'])
    expect(manifestOf(there, 'acme/api', signature)).toBeUndefined()
    expect(tally(here)['referrers']).toBeUndefined()
  })

  test('and came later is carried by `recheck` alone, though every tag shows the image', async () => {
    const { there, sign, inputs } = await signed()
    await promote(inputs)
    const signature = sign()
    expect((await promote(inputs)).report.result).toBe('unchanged')
    expect(manifestOf(there, 'acme/api', signature)).toBeUndefined()
    expect((await promote({ ...inputs, referrers: 'recheck', 'dry-run': 'true' })).report.failure).toBeUndefined()
    expect(manifestOf(there, 'acme/api', signature)).toBeUndefined()
    expect((await promote({ ...inputs, referrers: 'recheck' })).report.result).toBe('unchanged')
    expect(manifestOf(there, 'acme/api', signature)).toBeDefined()
  })

  test('is not looked for where some tag shows the image: whoever wrote it had brought it', async () => {
    const { here, there, sign, inputs } = await signed()
    await promote({ ...inputs, tags: 'version' })
    const signature = sign()
    here.reset()
    await promote(inputs)
    expect(Object.keys(tagsOf(there, 'acme/api'))).toContain('latest')
    expect(tally(here)['referrers']).toBeUndefined()
    await promote({ ...inputs, tags: 'version,major', referrers: 'recheck' })
    expect(manifestOf(there, 'acme/api', signature)).toBeDefined()
  })

  test('and does not arrive leaves the tags where they are', async () => {
    const { there, sign, inputs } = await signed()
    const signature = sign()
    there.fail({ step: 'manifest-put', reference: signature, effect: { kind: 'status', status: 403 } })
    const done = await promote(inputs)
    expect(done.report.failure?.code).toBe('PUSH_DENIED')
    for (const tag of ['1.3.0', 'latest']) expect(tagsOf(there, 'acme/api')).not.toHaveProperty([tag])
  })

  test('and cannot be read is an error that names the way out', async () => {
    const { here, there, inputs } = await signed()
    here.fail({ step: 'referrers', effect: { kind: 'status', status: 403 } })
    const { failure } = (await promote(inputs)).report
    expect(failure?.hint).toContain('`referrers: false`')
    expect(tagsOf(there, 'acme/api')).toEqual({})
  })
})

describe('a source', () => {
  test('that is not there is SOURCE_MISSING, and no target is asked anything', async () => {
    const [here, there] = [await registry(), await registry()]
    here.create('acme/api')
    const { report } = await promote(asked(`${here.host}/acme/api:rc`, `${there.host}/acme/api`))
    expect(report.failure).toMatchObject({ code: 'SOURCE_MISSING' })
    expect(report.failure?.message).toContain(`${here.host}/acme/api:rc`)
    expect(report).toMatchObject({ mode: 'promote', result: 'failed', version: '1.3.0' })
    expect(there.requests).toEqual([])
  })

  test('whose registry shows another digest than the one that was asked for is not believed', async () => {
    const [here, there] = [await registry(), await registry()]
    const image = await seed(here, 'acme/api', ATTESTED)
    const set = { 'docker-content-digest': digestOf('something else') }
    here.fail({ step: 'manifest-head', effect: { kind: 'headers', set } })
    const { report } = await promote(asked(`${here.host}/acme/api@${image.digest}`, `${there.host}/acme/api`))
    expect(report.failure).toMatchObject({ code: 'CONTENT_INVALID' })
    expect(there.requests).toEqual([])
  })

  test('of which a layer is not what it says reaches nobody', async () => {
    const [here, there] = [await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    const digest = image.platforms[0]?.layers[0]?.digest ?? ''
    here.fail({ step: 'blob-get', digest, effect: { kind: 'corrupt' } })
    const { report } = await promote(asked(`${here.host}/acme/api:rc`, `${there.host}/acme/api`))
    expect(report.failure).toMatchObject({ code: 'CONTENT_INVALID' })
    expect(tagsOf(there, 'acme/api')).toEqual({})
  })

  test('on Docker Hub without a pull left is RATE_LIMITED before a manifest is read; a second run needs none', async () => {
    const hub = await registry({ pullLimit: { limit: 100, remaining: 0 } })
    const there = await registry()
    const client = { address: (name: string) => (name === 'docker.io' ? hub.url : undefined) }
    const image = await seed(hub, 'acme/api:rc', ATTESTED)
    const inputs = asked('acme/api:rc', `${there.host}/acme/api`)
    const refused = await promote(inputs, { client })
    expect(refused.report.failure).toMatchObject({ code: 'RATE_LIMITED' })
    expect(refused.report.rateLimits).toMatchObject([{ registry: 'docker.io', remaining: 0, needed: 2 }])
    expect(tally(hub)['manifest-get']).toBeUndefined()
    await seed(there, 'acme/api:1.3.0', ATTESTED)
    await seed(there, 'acme/api:latest', ATTESTED)
    expect((await promote(inputs, { client })).report).toMatchObject({ result: 'unchanged', digest: image.digest })
  })
})

describe('the gate', () => {
  const finding = {
    VulnerabilityID: 'CVE-2019-14697',
    PkgName: 'musl',
    InstalledVersion: '1.1.19-r2',
    FixedVersion: '1.1.22-r3',
    Severity: 'CRITICAL',
  }
  const found = answers([{ Target: 'x', Class: 'os-pkgs', Type: 'alpine', Vulnerabilities: [finding] }], 10)

  async function gated(scan: string, more: Readonly<Record<string, string>> = {}) {
    const [here, one, other] = [await registry(), await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    const trivy = join(await fakeTrivy({ scan }), 'trivy')
    const inputs = asked(`${here.host}/acme/api:rc`, `${one.host}/acme/api`, `${other.host}/acme/api`)
    const done = await promote({ ...inputs, scan: 'gate', 'trivy-path': trivy, ...more })
    return { here, both: [one, other], image, done }
  }

  test('refuses by findings of today, and no registry has seen a write', async () => {
    const { both, done } = await gated(found)
    expect(done.report).toMatchObject({ result: 'refused', failure: { code: 'SCAN_FINDINGS' } })
    expect(outcomes(done)).toEqual(['refused', 'refused', 'refused', 'refused'])
    for (const one of both) expect(one.writes()).toEqual([])
  })

  test('lets pass what is clean: every platform was looked at, and the bytes were fetched once', async () => {
    const { here, both, image, done } = await gated(answers([], 0))
    expect(done.report.scan).toMatchObject({ result: 'clean', decision: 'passed' })
    expect(done.report.scan.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64'])
    for (const one of both) expect(tagsOf(one, 'acme/api')['latest']).toBe(image.digest)
    const reads = here.requests.filter(({ step }) => step === 'manifest-get' || step === 'blob-get')
    const read = reads.map(({ digest }) => digest)
    expect(new Set(read).size).toBe(read.length)
  })

  test('with `scan: report` tells, and promotes', async () => {
    const { both, done } = await gated(found, { scan: 'report' })
    expect(done.report.scan).toMatchObject({ result: 'findings', decision: 'reported' })
    for (const one of both) expect(Object.keys(tagsOf(one, 'acme/api'))).toEqual(['1.3.0', 'latest'])
  })
})

describe('a moving tag', () => {
  /** Tags that show a newer release of this repository, and an older one that is to be promoted. */
  async function newer(...names: readonly string[]) {
    const one = await registry()
    const image = await seed(one, 'acme/api:rc', release('1.2.0', OLD))
    let live = ''
    for (const name of names) live = (await seed(one, name, release('1.3.0'))).digest
    const inputs = { ...asked(`${one.host}/acme/api:rc`, `${one.host}/acme/api`), version: '1.2.0' }
    return { one, image, live, inputs }
  }

  test('that would go backwards is TAG_HELD before anything is read, scanned or written, and all are named', async () => {
    const { one, live, inputs } = await newer('acme/api:latest', 'acme/api:1')
    const done = await promote({ ...inputs, tags: 'version,major,latest', scan: 'gate', ...NEVER })
    const { failure } = done.report
    expect(failure?.code).toBe('TAG_HELD')
    for (const tag of ['1', 'latest']) {
      const why = `it shows ${live} and stays at 1.3.0, which is newer than 1.2.0`
      expect(failure?.message).toContain(`${one.host}/acme/api:${tag} would be held back: ${why}`)
    }
    expect(failure?.hint).toContain('moving-tags: force')
    expect(outcomes(done)).toEqual(['refused', 'held', 'held'])
    // The error says it, and says it once.
    expect(done.said.filter((line) => line.includes('stays at'))).toEqual([])
    expect(one.writes()).toEqual([])
    expect(done.programs).toBe(0)
  })

  test('goes back by force: the rollback of a release', async () => {
    const { one, image, inputs } = await newer('acme/api:latest')
    const trivy = join(await fakeTrivy(), 'trivy')
    const back = { ...inputs, 'moving-tags': 'force', scan: 'report', 'trivy-path': trivy }
    const done = await promote({ ...back, from: image.digest })
    expect(done.report.failure).toBeUndefined()
    expect(tagsOf(one, 'acme/api')['latest']).toBe(image.digest)
    expect(done.report.references).toMatchObject([{ outcome: 'created' }, { outcome: 'moved', digest: image.digest }])
  })

  test('that somebody moves on meanwhile is TAG_HELD too, and no tag is written, fixed ones neither', async () => {
    const { one, live, inputs } = await newer('acme/api:latest')
    const effect = { kind: 'status', status: 404 } as const
    one.fail({ step: 'manifest-head', reference: 'latest', when: { nth: 1 }, effect })
    const done = await promote(inputs)
    expect(done.report.failure?.code).toBe('TAG_HELD')
    expect(done.report.failure?.message).toContain(live)
    expect(outcomes(done)).toEqual(['refused', 'failed'])
    expect(one.writes()).toEqual([])
  })

  test('and another one that move on meanwhile are both named', async () => {
    const { one, inputs } = await newer('acme/api:latest', 'acme/api:1')
    for (const reference of ['latest', '1']) {
      const effect = { kind: 'status', status: 404 } as const
      one.fail({ step: 'manifest-head', reference, when: { nth: 1 }, effect })
    }
    const { failure } = (await promote({ ...inputs, tags: 'version,major,latest' })).report
    expect(failure?.code).toBe('TAG_HELD')
    for (const tag of ['1', 'latest']) expect(failure?.message).toContain(`acme/api:${tag} would be held back`)
    expect(one.writes()).toEqual([])
  })

  test('in one of several registries holds back all of them', async () => {
    const { one, inputs } = await newer('acme/api:latest')
    const other = await registry()
    const images = `${one.host}/acme/api\n${other.host}/acme/api`
    const done = await promote({ ...inputs, images })
    expect(done.report.failure?.code).toBe('TAG_HELD')
    expect(done.report.failure?.message).not.toContain(other.host)
    for (const where of [one, other]) expect(where.writes()).toEqual([])
  })

  test('of a name of the own is compared by what the image tells, whatever the run is about', async () => {
    const { one, live, inputs } = await newer('acme/api:stable')
    const { version: _, ...unnamed } = inputs
    const held = await promote({ ...unnamed, tags: 'stable' })
    expect(held.report.failure?.message).toContain(`it shows ${live} and stays at 1.3.0, which is newer than 1.2.0`)
    const next = await seed(one, 'acme/api:next', release('1.4.0'))
    const done = await promote({ ...unnamed, tags: 'stable', from: next.digest })
    expect(done.report.failure).toBeUndefined()
    expect(tagsOf(one, 'acme/api')['stable']).toBe(next.digest)
  })

  test('is decided by what the source tells to the login that may pull there', async () => {
    const here = await registry({ auth: { kind: 'token', users: { robot: { password: 'pull-s3cret' } } } })
    const there = await registry()
    await seed(there, 'acme/api:stable', release('1.3.0'))
    const image = await seed(here, 'acme/api:rc', release('1.4.0'))
    const { version: _, ...inputs } = asked(`${here.host}/acme/api:rc`, `${there.host}/acme/api`)
    const client = { logins: [loginAt(here.host, 'robot', 'pull-s3cret', { use: 'pull' })] }
    const done = await promote({ ...inputs, tags: 'stable' }, { client })
    expect(done.report.failure).toBeUndefined()
    expect(tagsOf(there, 'acme/api')['stable']).toBe(image.digest)
  })

  test('between builds without a common history follows the time of the commits that the images tell', async () => {
    const one = await registry()
    const live = await seed(one, 'acme/api:prod', release('main', NEW))
    const older = await seed(one, 'acme/api:old', release('main', OLD, { annotations: { build: 'older' } }))
    const { version: _, ...inputs } = asked(older.digest, `${one.host}/acme/api`)
    const committed = async (commit: string) => new Date(commit === OLD ? '2026-01-01' : '2026-02-01')
    const held = await promote({ ...inputs, tags: 'prod' }, { history: { committed } })
    expect(held.report.failure?.message).toContain('which was committed later than aaaaaaa')
    const back = { ...inputs, from: live.digest, tags: 'old' }
    const done = await promote(back, { history: { committed } })
    expect(tagsOf(one, 'acme/api')['old']).toBe(live.digest)
    expect(done.report.failure).toBeUndefined()
  })

  test('between builds of a branch follows the commits that the images tell, not that of the run', async () => {
    const one = await registry()
    await seed(one, 'acme/api:prod', release('main', NEW))
    const older = await seed(one, 'acme/api:old', release('main', OLD, { annotations: { build: 'older' } }))
    const { version: _, ...inputs } = asked(older.digest, `${one.host}/acme/api`)
    const compared: string[] = []
    const history = {
      head: async () => 'c'.repeat(40),
      async compare(commit: string, other: string) {
        compared.push(`${commit} to ${other}`)
        return { kind: 'behind', commits: 2 } as const
      },
    }
    const done = await promote({ ...inputs, tags: 'prod' }, { history })
    expect(done.report.failure?.message).toContain('which is 2 commits ahead of aaaaaaa')
    expect(compared).toEqual([`${OLD} to ${NEW}`])
  })
})

describe('a fixed tag that shows another image', () => {
  async function taken() {
    const one = await registry()
    const image = await seed(one, 'acme/api:rc', release('1.3.0-rc.1'))
    const live = await seed(one, 'acme/api:1.3.0', release('1.3.0', OLD))
    return { one, image, live, inputs: asked(`${one.host}/acme/api:rc`, `${one.host}/acme/api`) }
  }

  test('is TAG_EXISTS, with the commits of both images', async () => {
    const { one, live, inputs } = await taken()
    const { failure } = (await promote(inputs)).report
    expect(failure).toMatchObject({ code: 'TAG_EXISTS' })
    expect(failure?.message).toContain(`${one.host}/acme/api:1.3.0 exists: ${live.digest}`)
    expect(failure?.message).toContain('from commit aaaaaaa; the image to promote is of commit bbbbbbb')
    expect(failure?.hint).not.toContain('reuse')
    expect(one.writes()).toEqual([])
  })

  test.each([
    ['keep', ['kept', 'created'], 'live'],
    ['overwrite', ['moved', 'created'], 'image'],
  ] as const)('with existing-tag: %s', async (policy, wanted, which) => {
    const { one, inputs, ...images } = await taken()
    const done = await promote({ ...inputs, 'existing-tag': policy })
    expect(outcomes(done)).toEqual(wanted)
    expect(tagsOf(one, 'acme/api')).toMatchObject({ '1.3.0': images[which].digest, latest: images.image.digest })
  })

  test('and was written by somebody else meanwhile is left alone', async () => {
    const { one, live, inputs } = await taken()
    const effect = { kind: 'status', status: 404 } as const
    one.fail({ step: 'manifest-head', reference: '1.3.0', when: { nth: 1 }, effect })
    const done = await promote(inputs)
    expect(done.report.failure?.code).toBe('TAG_EXISTS')
    expect(tagsOf(one, 'acme/api')).toMatchObject({ '1.3.0': live.digest })
    expect(outcomes(done)).toEqual(['failed', 'refused'])
  })
})

describe('one registry of two that takes nothing', () => {
  async function halfSick() {
    const [here, well, sick] = [await registry(), await registry(), await registry()]
    const image = await seed(here, 'acme/api:rc', ATTESTED)
    sick.fail({ step: 'upload-put', effect: { kind: 'status', status: 403 } })
    return { image, well, inputs: asked(`${here.host}/acme/api:rc`, `${well.host}/acme/api`, `${sick.host}/acme/api`) }
  }
  const tagged = (where: InProcessRegistry) => tagsOf(where, 'acme/api')

  test('keeps every tag where it is', async () => {
    const { well, inputs } = await halfSick()
    const done = await promote(inputs)
    expect(done.report.failure?.code).toBe('PUSH_DENIED')
    expect(tagged(well)).toEqual({})
  })

  test('is left behind with `on-registry-failure: continue`, and the step is red', async () => {
    const { image, well, inputs } = await halfSick()
    const done = await promote({ ...inputs, 'on-registry-failure': 'continue' })
    expect(done.report.failure?.code).toBe('PARTLY_PUBLISHED')
    expect(tagged(well)).toEqual({ '1.3.0': image.digest, latest: image.digest })
  })
})
