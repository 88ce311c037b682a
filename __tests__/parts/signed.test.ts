import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need, requirePart, startRegistry as startRealRegistry } from '../../scripts/part/index.ts'
import { copyToAll } from '../../src/content/fan-out.ts'
import { copyReferrers } from '../../src/content/referrers.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type Client, openClient } from '../support/client.ts'
import { memoryStore, putImage, putIndex } from '../support/memory-store.ts'
import { startRegistry as startInProcess } from '../support/registry/server.ts'

const never = new AbortController().signal
const PATH = 'team/app'
const run = promisify(execFile)
const isThere = await need(['cosign', 'oras', 'registry2', 'registry3'])

type Place = { readonly host: string; stop(): Promise<void> }

/** Without a list of referrers (2.8, 3.1) and with one. */
const SOURCES = [
  ['registry 2', () => startRealRegistry(2)],
  ['a registry that lists referrers', () => startInProcess()],
] as const

describe.skipIf(!isThere).each(SOURCES)('an image signed in %s', (_name, start) => {
  let folder: string
  let source: Place
  let targets: readonly Place[]
  let client: Client
  let image: Descriptor
  let child: Descriptor
  let sbom: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'signed-'))
    source = await start()
    targets = await Promise.all([startRealRegistry(2), startRealRegistry(3), startInProcess()])
    client = openClient()
    image = await signed()
    await carry()
  }, 120_000)

  afterAll(async () => {
    await client.close()
    await Promise.all([source, ...targets].map((place) => place.stop()))
    await rm(folder, { recursive: true })
  })

  /** Signed by tag and by bundle, one platform attested, and an SBOM hung to it that is signed in turn. */
  async function signed(): Promise<Descriptor> {
    const origin = memoryStore()
    child = putImage(origin, 'amd64', ['content'])
    const root = putIndex(origin, [child, putImage(origin, 'arm64', ['content', 'more'])])
    await copyToAll(root, { source: origin, targets: [client.remote(`${source.host}/${PATH}`)], signal: never })
    const [whole, one] = [root, child].map(({ digest }) => `${source.host}/${PATH}@${digest}`)
    if (whole === undefined || one === undefined) throw new Error('both were made')
    await cosign('generate-key-pair', '--output-key-prefix', 'key')
    await cosign('sign', ...SIGNING, '--new-bundle-format=false', whole)
    await cosign('sign', ...SIGNING, whole)
    await writeFile(join(folder, 'statement.json'), '{"buildType":"tests"}')
    const about = ['--type', 'custom', '--predicate', 'statement.json']
    await cosign('attest', ...SIGNING, '--new-bundle-format=false', ...about, one)
    await cosign('attest', ...SIGNING, ...about, one)
    await writeFile(join(folder, 'sbom.json'), '{"spdxVersion":"SPDX-2.3"}')
    sbom = await attach(whole)
    await cosign('sign', ...SIGNING, `${source.host}/${PATH}@${sbom}`)
    return root
  }

  async function carry(): Promise<void> {
    const from = client.remote(`${source.host}/${PATH}`, 'pull')
    const to = targets.map(({ host }) => client.remote(`${host}/${PATH}`))
    const arrived = await copyToAll(image, { source: from, targets: to, signal: never })
    expect(arrived.map((one) => one.arrived)).toEqual([true, true, true])
    const wish = { filters: [], digestTags: true }
    const sleep = async () => undefined
    const carried = await copyReferrers(image, { source: from, targets: to, wish, signal: never, sleep })
    expect(carried.map(({ error }) => error)).toEqual([undefined, undefined, undefined])
    // A signature and an SBOM of the index, the signature of that, an attestation of one platform.
    expect(carried.map(({ referrers }) => referrers)).toEqual([4, 4, 4])
    expect(carried.map(({ tags }) => tags.length)).toEqual([2, 2, 2])
    // Each of the three that is referred to has its list where the registry has none.
    expect(carried.map(({ lists }) => lists)).toEqual([3, 3, 0])
  }

  test.each([0, 1, 2])('verifies at target %i, by both formats', async (at) => {
    const place = targets[at]
    if (place === undefined) throw new Error('three were started')
    const whole = `${place.host}/${PATH}@${image.digest}`
    for (const format of ['--new-bundle-format=false', '--new-bundle-format=true']) {
      expect(await cosign('verify', ...VERIFYING, format, whole)).toContain(image.digest)
    }
    for (const format of ['--new-bundle-format=false', '--new-bundle-format=true']) {
      const said = await cosign(
        'verify-attestation',
        ...VERIFYING,
        '--type',
        'custom',
        format,
        `${place.host}/${PATH}@${child.digest}`,
      )
      expect(said).toContain('payload')
    }
  })

  test.each([0, 1, 2])('shows its SBOM to oras at target %i, and that one verifies too', async (at) => {
    const place = targets[at]
    if (place === undefined) throw new Error('three were started')
    const whole = `${place.host}/${PATH}@${image.digest}`
    const found = await oras('discover', '--plain-http', '--format', 'json', '--artifact-type', 'text/spdx', whole)
    expect(found).toContain(sbom)
    expect(await cosign('verify', ...VERIFYING, `${place.host}/${PATH}@${sbom}`)).toContain(sbom)
  })

  test('does not verify with another key', async () => {
    await cosign('generate-key-pair', '--output-key-prefix', 'other')
    const whole = `${targets[0]?.host}/${PATH}@${image.digest}`
    const verifying = VERIFYING.map((argument) => (argument === 'key.pub' ? 'other.pub' : argument))
    await expect(cosign('verify', ...verifying, whole)).rejects.toThrow()
  })

  async function attach(subject: string): Promise<string> {
    const said = await oras(
      'attach',
      '--plain-http',
      '--artifact-type',
      'text/spdx',
      '--format',
      'json',
      subject,
      'sbom.json',
    )
    const digest = /"digest":\s*"(sha256:[a-f0-9]{64})"/.exec(said)?.[1]
    if (digest === undefined) throw new Error(`oras did not say what it attached: ${said}`)
    return digest
  }

  async function cosign(...args: readonly string[]): Promise<string> {
    const env = { PATH: '/usr/bin:/bin', HOME: folder, COSIGN_PASSWORD: '' }
    return (await run(await requirePart('cosign'), args, { cwd: folder, env })).stdout
  }

  async function oras(...args: readonly string[]): Promise<string> {
    return (await run(await requirePart('oras'), args, { cwd: folder, env: { PATH: '/usr/bin:/bin', HOME: folder } }))
      .stdout
  }
})

// Without the public services: no transparency log, and a key in place of an identity.
const SIGNING = ['--key', 'key.key', '--allow-http-registry', '--tlog-upload=false', '--use-signing-config=false', '-y']
const VERIFYING = ['--key', 'key.pub', '--allow-http-registry', '--insecure-ignore-tlog=true']
