import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Signed, type Signer, signerOfTrivy, verifySignature } from '../../src/scan/signature.ts'
import { PUBLIC_SIGSTORE, type SigstoreKeys } from '../../src/scan/sigstore-keys.ts'
import { type Bundle, ownSigstore } from '../support/sigstore.ts'
import { sha256Of } from '../support/trivy-archive.ts'

const fixture = (name: string) => readFileSync(new URL(`../fixtures/sigstore/${name}`, import.meta.url))
const REAL_FILE = fixture('a.txt')
const REAL = fixture('a.txt.sigstore.json').toString()
const PERSON: Signer = { identity: 'a@tny.town', issuer: 'https://github.com/login/oauth' }

const FILE = Buffer.from('an archive')
const SIGNER = signerOfTrivy('0.74.0')
const INSTANCE = ownSigstore()
const BUNDLE = INSTANCE.sign(FILE, SIGNER)

type Changes = { bundle?: Bundle | string; file?: Buffer; signer?: Signer; keys?: SigstoreKeys }

/** What is said of a bundle of our own instance. */
function verify({ bundle = BUNDLE, file = FILE, signer = SIGNER, keys = INSTANCE.keys }: Changes): Promise<Signed> {
  const text = typeof bundle === 'string' ? bundle : JSON.stringify(bundle)
  return verifySignature({ archive: file, sha256: sha256Of(file), bundle: text, signer, keys })
}

/** What is said of a bundle of the public instance, by the keys that everybody has. */
function verifyReal(bundle = REAL, { file = REAL_FILE, signer = PERSON }: Changes = {}): Promise<Signed> {
  return verifySignature({ archive: file, sha256: sha256Of(file), bundle, signer })
}

describe('a signature of the public instance', () => {
  test('is verified with the keys in the action', async () => {
    expect(await verifyReal()).toEqual({ kind: 'verified', by: 'a@tny.town' })
  })

  test.each<[string, Changes, RegExp]>([
    ['of another file', { file: Buffer.from('DO NOT MODIFY ME') }, /about a file with the sha256 632579b5/],
    ['of somebody else', { signer: { ...PERSON, identity: 'b@tny.town' } }, /it is by a@tny\.town/],
    ['of a longer name', { signer: { ...PERSON, identity: 'a@tny.town.example' } }, /it is by a@tny\.town/],
    ['of a pattern', { signer: { ...PERSON, identity: '.*' } }, /it is by a@tny\.town/],
    [
      'by way of another issuer',
      { signer: { ...PERSON, issuer: SIGNER.issuer } },
      /vouched for by https:\/\/github\.com/,
    ],
  ])('%s is wrong', async (_what, changes, why) => {
    expect(await verifyReal(REAL, changes)).toEqual({ kind: 'wrong', why: expect.stringMatching(why) })
  })

  const withHash = (hash: string) => REAL.replace('YyV5tRg9QY/z3EQ5lP014OGips6Joe4i/cpXf46LycM=', hash)

  test.each([
    [
      'its entry in the log',
      REAL.replace(/"tlogEntries": \[.*\]\}, "messageS/s, '"tlogEntries": []}, "messageS'),
      /timestamps, got 0/,
    ],
    ['the promise of the log', REAL.replace(/"inclusionPromise": \{[^}]*\}, /, ''), /timestamps, got 0/],
    ['the proof of the log', REAL.replace(/"inclusionProof": \{.*?"\}\}, /s, ''), /invalid v0\.2 bundle/],
    ['a hash', withHash(''), /invalid v0\.2 bundle/],
  ])('without %s is wrong', async (_what, bundle, why) => {
    expect(JSON.parse(bundle)).not.toEqual(JSON.parse(REAL))
    expect(await verifyReal(bundle)).toEqual({ kind: 'wrong', why: expect.stringMatching(why) })
  })

  test('with the hash of another file put in is wrong', async () => {
    const bundle = withHash(Buffer.from(sha256Of(FILE), 'hex').toString('base64'))
    expect(await verifyReal(bundle, { file: FILE })).toEqual({ kind: 'wrong', why: 'digest mismatch' })
  })

  test('means nothing to another instance, and the other way round', async () => {
    expect((await verifyReal(JSON.stringify(BUNDLE), { file: FILE, signer: SIGNER })).kind).toBe('unknown')
    expect((await verify({ bundle: REAL, file: REAL_FILE, signer: PERSON })).kind).toBe('unknown')
  })
})

describe('a signature in the name of the makers', () => {
  test('is verified', async () => {
    const by = 'https://github.com/aquasecurity/trivy/.github/workflows/reusable-release.yaml@refs/tags/v0.74.0'
    expect(await verify({})).toEqual({ kind: 'verified', by })
  })

  test.each<[string, Signer]>([
    ['another release', signerOfTrivy('0.73.0')],
    ['a branch', { ...SIGNER, identity: SIGNER.identity.replace('refs/tags/v0.74.0', 'refs/heads/main') }],
    ['another workflow', { ...SIGNER, identity: SIGNER.identity.replace('reusable-release', 'canary') }],
    ['a copy of the repository', { ...SIGNER, identity: SIGNER.identity.replace('aquasecurity', 'somebody') }],
    ['a name with theirs in it', { ...SIGNER, identity: `https://evil.example/?${SIGNER.identity}` }],
    ['another issuer', { ...SIGNER, issuer: 'https://gitlab.com' }],
  ])('is wrong when it is of %s', async (_what, other) => {
    expect((await verify({ bundle: INSTANCE.sign(FILE, other) })).kind).toBe('wrong')
  })

  test.each([
    ['the authority', { forged: 'authority' }, /certificate chain/],
    ['the log of certificates', { forged: 'certificate log' }, /SCT/],
    ['the log', { forged: 'log' }, /inclusion promise/],
  ] as const)('is wrong when %s only has the right name', async (_who, order, why) => {
    const bundle = INSTANCE.sign(FILE, SIGNER, order)
    expect(await verify({ bundle })).toEqual({ kind: 'wrong', why: expect.stringMatching(why) })
  })

  test('is wrong when the certificate had run out, or was not valid yet', async () => {
    for (const minutes of [11, -1]) {
      const bundle = INSTANCE.sign(FILE, SIGNER, { loggedAfterMs: minutes * 60_000 })
      expect(await verify({ bundle })).toMatchObject({ kind: 'wrong', why: expect.stringContaining('chain') })
    }
  })

  test.each(['logs', 'certificateLogs', 'authorities'] as const)(
    'is wrong when one of the %s signed before it',
    async (part) => {
      const ended = INSTANCE.keys[part].map((one) => ({ ...one, until: '2026-01-01T00:00:30Z' }))
      expect((await verify({ keys: { ...INSTANCE.keys, [part]: ended } })).kind).toBe('wrong')
      const later = INSTANCE.keys[part].map((one) => ({ ...one, until: '2026-01-01T00:30:00Z' }))
      expect((await verify({ keys: { ...INSTANCE.keys, [part]: later } })).kind).toBe('verified')
    },
  )

  test('is wrong when it is by a key and not by a name', async () => {
    const { certificate: _, ...rest } = BUNDLE.verificationMaterial
    const bundle = JSON.stringify({ ...BUNDLE, verificationMaterial: { ...rest, publicKey: { hint: 'mine' } } })
    expect(await verify({ bundle })).toEqual({ kind: 'wrong', why: 'key not found: mine' })
  })

  test('is wrong when it is an attestation, which could be about anything', async () => {
    const { messageSignature: _, ...rest } = BUNDLE
    const dsseEnvelope = { payload: 'e30=', payloadType: 'application/vnd.in-toto+json', signatures: [{ sig: 'AA==' }] }
    const bundle = JSON.stringify({ ...rest, dsseEnvelope })
    expect(await verify({ bundle })).toEqual({ kind: 'wrong', why: 'it is no signature of a file' })
  })

  test('holds only as a whole: no part of it can be another one', async () => {
    const free: string[] = []
    for (const path of leavesOf(BUNDLE)) {
      const bundle = JSON.stringify(changed(BUNDLE, path))
      if ((await verify({ bundle })).kind === 'verified') free.push(path.join('.'))
    }
    // What the log signs of its root and size stands in the checkpoint; here it is only repeated.
    expect(free.map((path) => path.replace('verificationMaterial.tlogEntries.0.', ''))).toEqual([
      'inclusionProof.rootHash',
      'inclusionProof.treeSize',
    ])
  })
})

describe('what a signature cannot say is unknown:', () => {
  const other = ownSigstore().keys

  test.each([
    ['a log', { logs: other.logs }, 'a transparency log'],
    ['a log of certificates', { certificateLogs: other.certificateLogs }, 'a log of certificates'],
    ['an authority', { authorities: other.authorities }, 'a certificate authority'],
  ])('%s that came later', async (_what, keys, who) => {
    const why = `it is by ${who} whose key is not known here`
    expect(await verify({ keys: { ...INSTANCE.keys, ...keys } })).toEqual({ kind: 'unknown', why })
  })

  test('a timestamp authority that came later', async () => {
    const bundle = fixture('timestamped.sigstore.json').toString()
    const sha256 = '6ae8a7555520 9fd6c44157c0aed8016e763ff435a19cf186f76863140143ff72'.replace(' ', '')
    const signed = await verifySignature({ archive: FILE, sha256, bundle, signer: SIGNER, keys: PUBLIC_SIGSTORE })
    expect(signed).toEqual({ kind: 'unknown', why: 'it is by a timestamp authority whose key is not known here' })
  })

  test('a bundle of a later form', async () => {
    const bundle = JSON.stringify({ ...BUNDLE, mediaType: 'application/vnd.dev.sigstore.bundle.v0.4+json' })
    expect(await verify({ bundle })).toEqual({ kind: 'unknown', why: 'it is a bundle of version 0.4' })
  })
})

describe('what is no signature is wrong:', () => {
  test.each([
    ['nothing', ''],
    ['a web page', '<!doctype html><title>Sign in</title>'],
    ['half of it', JSON.stringify(BUNDLE).slice(0, 1000)],
    ['a list', '[]'],
    ['null', 'null'],
    ['other JSON', '{"mediaType":1}'],
    ['the form alone', JSON.stringify({ mediaType: BUNDLE.mediaType })],
    ['numbers for texts', JSON.stringify({ ...BUNDLE, verificationMaterial: 1, messageSignature: 2 })],
    [
      'a certificate that is none',
      JSON.stringify(changed(BUNDLE, ['verificationMaterial', 'certificate', 'rawBytes'], 'AAAA')),
    ],
    ['lists in lists', '['.repeat(200_000)],
    ['a word of many lines', '\n::error::x'],
    ['a name of many lines', JSON.stringify({ ...BUNDLE, mediaType: '\n::error::x' })],
  ])('%s', async (_what, bundle) => {
    const signed = await verify({ bundle })
    expect(signed).toEqual({ kind: 'wrong', why: expect.stringMatching(/^[^\n]+$/) })
  })

  test('10 MB, however genuine the rest', async () => {
    const bundle = `${JSON.stringify(BUNDLE)}${' '.repeat(10_000_000)}`
    expect(await verify({ bundle })).toEqual({ kind: 'wrong', why: 'it has more than 262144 bytes' })
  })
})

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** Where the texts of a value are. */
function leavesOf(value: Json, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value === 'string') return [path]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, child]) => leavesOf(child, [...path, name]))
}

/** The value with another text at that place: the same but for a character in its middle, unless one is given. */
function changed(value: Json, [name, ...rest]: readonly string[], text?: string): Json {
  if (name === undefined) return text ?? otherText(String(value))
  if (Array.isArray(value)) return value.map((one, at) => (String(at) === name ? changed(one, rest, text) : one))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, key === name ? changed(child, rest, text) : child]),
  )
}

function otherText(text: string): string {
  const middle = text.length >> 1
  const now = text[middle] ?? ''
  return text.slice(0, middle) + otherCharacter(now) + text.slice(middle + 1)
}

/** A digit for a digit, so that numbers stay numbers. */
function otherCharacter(now: string): string {
  if (/\d/.test(now)) return String((Number(now) + 1) % 10)
  return now === 'A' ? 'B' : 'A'
}
