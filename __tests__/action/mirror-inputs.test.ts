import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inputsOf } from '../../src/action/input-table.ts'
import { masksOfFile } from '../../src/action/masks.ts'
import { readMirrorInputs } from '../../src/action/mirror-inputs.ts'
import { LadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import { formatLock, NO_LOCK, withWritten } from '../../src/plan/lock.ts'
import { USUAL_WISHES } from '../../src/plan/mirror-request.ts'
import { environment, folderWith, withInputs } from './given.ts'

type With = Readonly<Record<string, string>>
const IMAGES = { images: 'node:22 => ghcr.io/acme/node' }

function read(inputs: With, files: With = {}) {
  return readMirrorInputs(withInputs(inputs), environment({ workspace: folderWith(files) }))
}

async function failure(inputs: With, files: With = {}): Promise<LadingError> {
  const thrown: unknown = await read(inputs, files).catch((error: unknown) => error)
  if (thrown instanceof LadingError) return thrown
  throw new Error('the inputs were accepted')
}

const FILE = `version: 1
creds:
  - registry: docker.io
    user: robot
    pass: planted-of-the-file
sync:
  - source: alpine
    target: ghcr.io/acme/alpine
    type: repository
    tags: { allow: ["3.*"] }
`

describe('defaults', () => {
  test('everything but images may be absent', async () => {
    const { request, ...rest } = await read(IMAGES)
    expect(request).toMatchObject({
      check: 'off',
      dryRun: false,
      onError: 'continue',
      lock: NO_LOCK,
      rateLimit: { rateLimit: 'fail', reserve: 0 },
      summary: true,
    })
    expect(request).not.toHaveProperty('lockFile')
    expect(request).not.toHaveProperty('timeBudgetMs')
    expect(request.gate).toMatchObject({ severities: ['HIGH', 'CRITICAL'], useCache: true })
    expect(request.entries).toMatchObject([{ kind: 'image', ...USUAL_WISHES, origin: { file: 'images', line: 1 } }])
    expect(rest).toMatchObject({ retries: 5, parallel: 4, settings: [], notices: [], token: '', machineLogins: true })
    expect(rest.logins).toEqual([])
  })

  test('an empty input is its default', async () => {
    const names = inputsOf('mirror').map(({ name }) => name)
    const empty = Object.fromEntries(names.filter((name) => name !== 'images').map((name) => [name, '']))
    expect(await read({ ...empty, ...IMAGES })).toEqual(await read(IMAGES))
  })

  test('the request survives JSON and holds no secret', async () => {
    const auth = '- registry: docker.io\n  username: robot\n  password: planted-of-the-input'
    const inputs = { ...IMAGES, config: 'mirror.yml', token: 'planted-token', 'registry-auth': auth }
    const { request } = await read(inputs, { 'mirror.yml': FILE })
    const text = JSON.stringify(request)
    expect(JSON.parse(text)).toEqual(request)
    expect(text).not.toContain('planted')
  })
})

describe('what is said', () => {
  test('holds for every line and for every entry of a file that says nothing else', async () => {
    const inputs = {
      ...IMAGES,
      config: 'mirror.yml',
      existing: 'add',
      'min-age': '3d',
      'min-age-except': '*/urgent:*',
      backup: 'old-{{.Ref.Tag}}',
      prune: 'plan',
      scan: 'report',
      referrers: 'recheck',
      platforms: 'linux/amd64,linux/arm64/v8',
      'lock-file': 'state/lock.json',
    }
    const { request } = await read(inputs, { 'mirror.yml': FILE })
    expect(request.entries).toHaveLength(2)
    for (const entry of request.entries) {
      expect(entry).toMatchObject({
        existing: 'add',
        minAge: { milliseconds: 3 * 86_400_000, except: [{ text: '*/urgent:*', reading: 'glob' }] },
        prune: 'plan',
        scan: 'report',
        referrers: { carry: 'recheck' },
        digestTags: 'recheck',
        platforms: { kind: 'subset' },
      })
      expect(entry.backup).toBeDefined()
    }
    expect(request.lockFile).toMatch(/\/state\/lock\.json$/)
  })

  test.each([
    ['false', 'off'],
    ['true', 'report'],
    ['strict', 'strict'],
  ])('check: %s', async (check, meant) => {
    expect((await read({ ...IMAGES, check })).request.check).toBe(meant)
  })

  test('in hours and minutes is time', async () => {
    expect((await read({ ...IMAGES, 'time-budget': '50m' })).request.timeBudgetMs).toBe(3_000_000)
  })

  test('by the lock file is remembered', async () => {
    const made = { digest: digestOf('one'), of: digestOf('one'), now: new Date(0) }
    const lock = withWritten(NO_LOCK, 'docker.io/library/node:22', 'ghcr.io/acme/node:22', made)
    const { request } = await read({ ...IMAGES, 'lock-file': 'lock.json' }, { 'lock.json': formatLock(lock) })
    expect(request.lock).toEqual(lock)
  })

  test('by an environment variable stands in the name of a backup', async () => {
    const workspace = folderWith()
    const variables = { ...withInputs({ ...IMAGES, backup: 'old-{{env "WEEK"}}' }), WEEK: 'w47' }
    const { request } = await readMirrorInputs(variables, environment({ workspace }))
    expect(JSON.stringify(request.entries[0]?.backup)).toContain('w47')
  })
})

describe('logins', () => {
  const auth = (registry: string) => `- registry: ${registry}\n  username: me\n  password: of-the-input`

  test('of the inputs come before those of the file', async () => {
    const inputs = { config: 'mirror.yml', 'registry-auth': auth('docker.io') }
    const { logins } = await read(inputs, { 'mirror.yml': FILE })
    expect(logins.map(({ password }) => password)).toEqual(['of-the-input', 'planted-of-the-file'])
  })

  test('of the file come before the token of the job, which nobody named', async () => {
    const own = FILE.replace('docker.io', 'ghcr.io')
    const { logins } = await read({ config: 'mirror.yml', token: 't0ken' }, { 'mirror.yml': own })
    expect(logins.filter(({ registry }) => registry === 'ghcr.io').map(({ password }) => password)).toEqual([
      'planted-of-the-file',
    ])
    const { logins: without } = await read({ config: 'mirror.yml', token: 't0ken' }, { 'mirror.yml': FILE })
    expect(without).toContainEqual(expect.objectContaining({ registry: 'ghcr.io', password: 't0ken' }))
  })

  test('of the file are masked with their Basic form', async () => {
    const { logins, settings } = await read({ config: 'mirror.yml' }, { 'mirror.yml': FILE })
    const masks = masksOfFile(logins, settings)
    expect(masks).toContain('planted-of-the-file')
    expect(masks).toContain(Buffer.from('robot:planted-of-the-file').toString('base64'))
  })
})

describe('mistakes', () => {
  test('are told all together, each with its input and line, those of the file too', async () => {
    const error = await failure(
      {
        images:
          'node:22 -> ghcr.io/acme/node\n# a comment\nnginx => ghcr.io/acme/nginx; tag=1.*\nalpine:3 => ghcr.io/acme/alpine',
        config: 'mirror.yml',
        existing: 'overwrite',
        'min-age': 'long',
        'time-budget': '1h30',
        prune: 'true',
        platforms: 'linux/amd64\nbeos',
        check: 'yes',
        'on-eror': 'abort',
      },
      { 'mirror.yml': FILE.replace('type: repository', 'type: repositry') },
    )
    expect(error.code).toBe('INPUT_INVALID')
    for (const part of [
      '`images`, line 1: ',
      '`images`, line 3: ',
      '`config`',
      'mirror.yml, line 9',
      '`existing`: “overwrite” is none of follow, add, fail',
      '`min-age`: “long” is no time such as 12h or 3d',
      '`time-budget`: ',
      '`lock-file`: tags are only removed that a lock file says were written here',
      '`platforms`, line 2: “beos” is no platform',
      '`check`: “yes” is none of false, true, strict',
      '`on-eror`: this action has no such input; did you mean `on-error`?',
    ]) {
      expect(error.message).toContain(part)
    }
  })

  test.each<[string, With, With, string]>([
    ['nothing at all', {}, {}, '`images`: nothing is named'],
    ['a file that is not there', { config: 'missing.yml' }, {}, '`config`'],
    [
      'a lock of something else',
      { ...IMAGES, 'lock-file': 'l' },
      { l: '{"schema":2}' },
      '`lock-file`: “l” is no lock file',
    ],
    ['a lock that was cut', { ...IMAGES, 'lock-file': 'l' }, { l: '{"schema":1,"images":{' }, 'it is not JSON'],
    ['exceptions from nothing', { ...IMAGES, 'min-age-except': 'a' }, {}, '`min-age-except`: it makes exceptions'],
    ['a backup by an unknown field', { ...IMAGES, backup: '{{.Ref.Tga}}' }, {}, '`backup`'],
    [
      'a backup out of a file',
      { ...IMAGES, backup: '{{file "x"}}' },
      {},
      '`backup`: a name is not read from a file here',
    ],
    ['an input of publish', { ...IMAGES, layout: 'x' }, {}, '`layout`: this action has no such input'],
    ['too many retries', { ...IMAGES, retries: '1000' }, {}, '`retries`'],
    [
      'a target that the lines and the file write',
      { images: 'node:22 => ghcr.io/acme/x:1', config: 'mirror.yml' },
      {
        'mirror.yml': 'version: 1\nsync:\n  - source: alpine:3\n    target: ghcr.io/acme/x:1\n    type: image\n',
      },
      'ghcr.io/acme/x:1 is written by two entries',
    ],
  ])('%s', async (_name, inputs, files, part) => {
    expect((await failure(inputs, files)).message).toContain(part)
  })

  test.each([
    ['a broken line', 'pass: planted-of-the-file', 'pass: "planted-of-the-file'],
    ['a list for a text', 'pass: planted-of-the-file', 'pass: [planted-of-the-file]'],
    ['an unknown key', 'pass: planted-of-the-file', 'password: planted-of-the-file'],
    ['a missing colon', 'pass: planted-of-the-file', 'pass planted-of-the-file'],
    ['a template that cannot be read', 'pass: planted-of-the-file', 'pass: "{{planted-of-the-file"'],
    ['a wrong user', 'user: robot', 'user: [robot]'],
  ])('of a file do not tell its secrets: %s', async (_name, from, to) => {
    const { message } = await failure({ config: 'mirror.yml' }, { 'mirror.yml': FILE.replace(from, to) })
    expect(message).toContain('`config`')
    expect(message).not.toContain('planted')
  })

  test('in a lock file that is a folder are told before anything is copied', async () => {
    const workspace = folderWith({ 'lock/inside': 'x' })
    const reading = readMirrorInputs(withInputs({ ...IMAGES, 'lock-file': 'lock' }), environment({ workspace }))
    await expect(reading).rejects.toThrow('is no lock file of a mirror')
  })

  test('in a lock file do not let it be taken for an empty one', async () => {
    const workspace = folderWith()
    writeFileSync(join(workspace, 'lock'), formatLock(NO_LOCK).replace('{}', '{"a":{"digest":"sha256:1"}}'))
    const reading = readMirrorInputs(withInputs({ ...IMAGES, 'lock-file': 'lock' }), environment({ workspace }))
    await expect(reading).rejects.toThrow('the entry of a is damaged')
  })
})
