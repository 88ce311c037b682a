import { describe, expect, test } from 'vitest'
import { inputsOf } from '../../src/action/input-table.ts'
import { readPromoteInputs } from '../../src/action/promote-inputs.ts'
import { digestOf } from '../../src/image/digest.ts'
import { environment, withInputs } from './given.ts'

const FROM = { from: 'ghcr.io/acme/api:rc', images: 'registry.example/acme/api' }
const DIGEST = digestOf('an image')

const read = (inputs: Readonly<Record<string, string>>) =>
  readPromoteInputs(withInputs({ ...FROM, ...inputs }), environment())

async function mistakes(inputs: Readonly<Record<string, string>>): Promise<string> {
  const thrown: unknown = await read(inputs).catch((error: unknown) => error)
  return thrown instanceof Error ? thrown.message : 'the inputs were accepted'
}

test('everything but from and images may be absent', async () => {
  const { request, secrets, ...rest } = await read({})
  expect(request).toMatchObject({
    images: [{ registry: 'registry.example', path: 'acme/api' }],
    tags: ['version', 'version-commit', 'latest'].map((preset) => ({ type: 'preset', preset })),
    origin: { kind: 'registry', from: { registry: 'ghcr.io', path: 'acme/api', tag: 'rc' }, referrers: 'copied' },
    existingTag: 'fail',
    movingTags: 'forward',
    push: 'yes',
    dryRun: false,
    labels: [],
    gate: { scan: 'gate', severities: ['HIGH', 'CRITICAL'], uploadSarif: false },
    rateLimit: { rateLimit: 'fail', reserve: 0 },
  })
  expect(request.gate).not.toHaveProperty('baseline')
  expect(secrets).toEqual({ logins: [], token: '', buildSecrets: [] })
  const aws = { tokens: 'auto', logins: [], createRepository: false }
  expect(rest).toEqual({ aws, settings: [], parallel: 4, retries: 5, tagContext: 'workflow', notices: [] })
  expect(JSON.parse(JSON.stringify(request))).toEqual(request)
})

test('an empty input is its default', async () => {
  const optional = inputsOf('promote').filter(({ required }) => !required)
  const empty = await read(Object.fromEntries(optional.map(({ name }) => [name, ''])))
  expect(empty.request).toEqual((await read({})).request)
})

describe('from', () => {
  test.each([
    ['ghcr.io/acme/api:1.3.0-rc.1', { registry: 'ghcr.io', path: 'acme/api', tag: '1.3.0-rc.1' }],
    [`ghcr.io/Acme/API@${DIGEST}`, { registry: 'ghcr.io', path: 'acme/api', digest: DIGEST }],
    [`ghcr.io/acme/api:rc@${DIGEST}`, { registry: 'ghcr.io', path: 'acme/api', digest: DIGEST }],
    ['localhost:5000/API:RC', { registry: 'localhost:5000', path: 'api', tag: 'RC' }],
    ['acme/api:rc', { registry: 'docker.io', path: 'acme/api', tag: 'rc' }],
    [DIGEST, { registry: 'registry.example', path: 'acme/api', digest: DIGEST }],
  ])('%s', async (from, wanted) => {
    expect((await read({ from })).request.origin).toMatchObject({ from: wanted })
  })

  test.each([
    ['', '`from`: it is required: name the image to promote, by tag or digest'],
    ['ghcr.io/acme/api', '`from`: “ghcr.io/acme/api” has neither a tag nor a digest'],
    ['localhost:5000/api', '`from`: “localhost:5000/api” has neither a tag nor a digest'],
    ['https://ghcr.io/acme/api:1', '`from`: “https://ghcr.io/acme/api:1” is a URL; leave the scheme away'],
    ['ghcr.io/acme/api@sha256:12', 'is not an image reference: what follows the @ is not a digest'],
    ['ghcr.io/acme/api:-x', 'is not an image reference: a tag has'],
  ])('“%s” is a mistake', async (from, words) => {
    expect(await mistakes({ from })).toContain(words)
  })
})

describe('what is for builds', () => {
  test.each(['auto', 'reuse'])('existing-tag: %s says what there is instead', async (word) => {
    const words = `${word} is for builds, and nothing is built here: it is fail, keep or overwrite`
    expect(await mistakes({ 'existing-tag': word })).toContain(words)
  })

  test('existing-tag: another word is told as everywhere', async () => {
    expect(await mistakes({ 'existing-tag': 'kep' })).toContain('“kep” is none of fail, keep, overwrite; did you mean')
  })

  test.each(['context', 'layout', 'labels', 'push', 'scan-baseline', 'sbom-format', 'upload-sarif'])(
    '%s is no input',
    async (name) => {
      expect(await mistakes({ [name]: 'true' })).toContain(`\`${name}\`: this action has no such input`)
    },
  )

  test('a digest in images belongs into from', async () => {
    const words = 'has a digest; the one to promote is named in `from`'
    expect(await mistakes({ images: `ghcr.io/acme/api@${DIGEST}` })).toContain(words)
  })
})

test('mistakes are told together', async () => {
  const told = await mistakes({ from: '', images: '', 'moving-tags': 'x', referrers: 'x', version: 'x' })
  for (const input of ['from', 'images', 'moving-tags', 'referrers', 'version']) expect(told).toContain(`\`${input}\``)
})

describe('logins', () => {
  test('the token of the job is good for a source on ghcr.io', async () => {
    const { secrets } = await read({ token: 't0ken' })
    const login = { registry: 'ghcr.io', prefix: '', username: 'octocat', password: 't0ken', use: 'both' }
    expect(secrets.logins).toMatchObject([login])
  })

  test('username and password are for the registry of the images', async () => {
    const { secrets } = await read({ username: 'robot', password: 'p4ssword' })
    expect(secrets.logins).toMatchObject([{ registry: 'registry.example', username: 'robot' }])
  })
})
