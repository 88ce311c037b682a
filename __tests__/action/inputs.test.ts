import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inputsOf } from '../../src/action/input-table.ts'
import { readInputs } from '../../src/action/inputs.ts'
import { LadingError } from '../../src/error.ts'
import type { Environment } from '../../src/plan/environment.ts'
import { environment, folderWith, withInputs } from './given.ts'

type With = Readonly<Record<string, string>>
const IMAGE = { images: 'registry.example/acme/api' }

async function failure(inputs: With, change: Partial<Environment> = {}): Promise<LadingError> {
  const thrown: unknown = await readInputs(withInputs(inputs), environment(change)).catch((error: unknown) => error)
  if (thrown instanceof LadingError) return thrown
  throw new Error('the inputs were accepted')
}

async function read(inputs: With, change: Partial<Environment> = {}) {
  return await readInputs(withInputs({ ...IMAGE, ...inputs }), environment(change))
}

const texts = (templates: readonly { readonly text: string }[]) => templates.map(({ text }) => text)

describe('defaults', () => {
  test('everything but images may be absent', async () => {
    const inputs = await read({})
    expect(inputs.request.tags).toEqual(
      ['version', 'version-commit', 'latest'].map((preset) => ({ type: 'preset', preset })),
    )
    expect(inputs.request.gate).toMatchObject({ scan: 'gate', severities: ['HIGH', 'CRITICAL'], ignoreUnfixed: false })
    expect(inputs.request).toMatchObject({ push: 'auto', dryRun: false, summary: true, images: [{ path: 'acme/api' }] })
    expect(inputs.request.rateLimit).toEqual({ rateLimit: 'fail', reserve: 0 })
    expect(inputs).toMatchObject({ retries: 5, parallel: 4, settings: [], notices: [] })
    expect(inputs.secrets).toEqual({ logins: [], token: '', buildSecrets: [] })
  })

  test('an empty input is its default', async () => {
    const empty = Object.fromEntries(
      inputsOf('publish')
        .filter(({ name }) => name !== 'images')
        .map(({ name }) => [name, '']),
    )
    const one = await read(empty)
    const other = await read({})
    expect({ ...one.request, origin: 0 }).toEqual({ ...other.request, origin: 0 })
  })

  test('the request survives JSON and holds no secret', async () => {
    const inputs = await read({ secrets: 'npm=s3cret-value', username: 'u', password: 'p4ssword', token: 't0ken' })
    const text = JSON.stringify(inputs.request)
    expect(JSON.parse(text)).toEqual(inputs.request)
    for (const secret of ['s3cret-value', 'p4ssword', 't0ken']) expect(text).not.toContain(secret)
  })
})

describe('mistakes', () => {
  test('are told all together, each with its input and line', async () => {
    const error = await failure({
      images: 'ghcr.io/acme/api\nghcr.io/Acme/api:1',
      tags: '# rules\nversion\ntype=semver,patern={{version}}',
      scan: 'gaet',
      'dry-run': 'yes',
      retries: '-1',
      platform: 'linux/amd64',
    })
    expect(error.code).toBe('INPUT_INVALID')
    for (const part of [
      '`images`, line 2: “ghcr.io/Acme/api:1” has a tag',
      '`tags`, line 3: unknown attribute “patern”; did you mean `pattern`?',
      '`scan`: “gaet” is none of gate, report, off; did you mean `gate`?',
      '`dry-run`: “yes” is neither true nor false',
      '`retries`: “-1” is not a whole number',
      '`platform`: this action has no such input; did you mean `platforms`?',
    ]) {
      expect(error.message).toContain(part)
    }
    expect(error.message).toContain('6 mistakes')
  })

  const cases: readonly (readonly [string, With, string])[] = [
    ['no image', { images: '# nothing' }, '`images`: it is required'],
    ['only images that are off', { images: 'name=a/b,enable=false' }, 'every image is switched off'],
    ['an image twice', { images: 'a/b\ndocker.io/a/b' }, '`images`, line 2: docker.io/a/b is there twice'],
    ['an image with a digest', { images: `a/b@sha256:${'0'.repeat(64)}` }, 'has a digest'],
    ['an image as a URL', { images: 'https://ghcr.io/a/b' }, 'is a URL'],
    ['an unknown attribute', { images: 'name=a/b,enabel=true' }, 'did you mean `enable`?'],
    ['two names on an attribute line', { images: 'a/b,c/d,enable=true' }, 'exactly one image'],
    ['an expression', { images: 'a/b,enable={{is_default_branch}}' }, 'no {{…}} expressions are known here'],
    ['images on one of several lines', { images: 'a/b,c/d\ne/f' }, '`images`, line 1: names stand one a line'],
    ['a rule without value', { tags: 'type=raw,enable=true' }, 'type=raw needs value, such as value=…'],
    ['an attribute twice', { tags: 'type=raw,value=x,value=y' }, 'is there twice'],
    ['a version that is none', { version: '1.2' }, '`version`: “1.2” is not a version'],
    ['a label without value', { labels: 'a=b\nnonsense' }, '`labels`, line 2: “nonsense” is not key=value'],
    ['a label that is all expression', { labels: "{{date 'a=b'}}" }, '`labels`, line 1'],
    ['an expression that nobody knows', { labels: 'a={{brunch}}' }, 'did you mean `branch`?'],
    ['an expression in an argument', { 'build-args': 'A=1\nB={{tga}}' }, '`build-args`, line 2'],
    ['an annotation without value', { annotations: 'manifest:a' }, '`annotations`, line 1: “a” is not key=value'],
    ['an annotation without a key', { annotations: 'manifest:=a' }, 'is not key=value'],
    ['a level', { annotations: 'a=1\nmanifset:b=2' }, '`annotations`, line 2: “manifset” is none of manifest, index'],
    ['a level close to one', { annotations: 'manifset:b=2' }, 'did you mean `manifest`?'],
    ['a platform of an index', { annotations: 'index[linux/amd64]:b=2' }, 'an index is of no platform'],
    [
      'a platform that is not built',
      { platforms: 'linux/amd64', annotations: 'manifest[linux/arm64]:b=2' },
      '“linux/arm64” is not built: `platforms` gives linux/amd64',
    ],
    ['a severity', { severity: 'HIGH,CRITCAL' }, 'did you mean `CRITICAL`?'],
    ['a Trivy of no version', { 'trivy-version': 'latest' }, '`trivy-version`: “latest” is neither a version such as'],
    ['a hash that is none', { 'trivy-version': 'v0.76.0@sha256:abc' }, 'nor one with the hash of its archive'],
    ['two scanners', { 'trivy-path': '/t', 'trivy-version': 'v0.73.0' }, '`trivy-version`: it is about a release'],
    [
      'a scanner and an archive',
      { 'trivy-path': '/t', 'trivy-archive': 'a' },
      '`trivy-archive`: it is about a release',
    ],
    ['a platform', { platforms: 'linux/amd64,linux arm64' }, 'not a platform'],
    ['a platform twice', { platforms: 'linux/amd64\nlinux/amd64' }, '`platforms`, line 2: linux/amd64 is there twice'],
    ['a build argument', { 'build-args': 'A=1\n=2' }, '`build-args`, line 2'],
    ['a secret without value', { secrets: 'a=1\nnpm=' }, '`secrets`, line 2: the secret “npm” has no value'],
    ['a secret twice', { secrets: 'a=1\na=2' }, 'the secret “a” is there twice'],
    ['an id that would add options', { secrets: 'a,src=/etc/passwd=1' }, 'an id has only'],
    ['a quote that stays open', { secrets: 'a=1\n"b=2' }, '`secrets`, line 2: a quoted value is not closed'],
    ['a builder that is an option', { builder: '--help' }, '`builder`: “--help” is not a name'],
    ['a target that is an option', { target: '-f' }, '`target`'],
    ['a BuildKit image', { 'buildkit-image': 'Moby/X' }, '`buildkit-image`'],
    ['provenance', { provenance: 'mode=all' }, 'neither min nor max'],
    ['provenance words', { provenance: 'ture' }, '`provenance`: “ture”'],
    ['a context that is missing', { context: 'nowhere' }, '`context`: there is no folder “nowhere”'],
    ['a Dockerfile that is missing', { file: 'docker/File' }, '`file`: there is no file “docker/File”'],
    ['a layout that is missing', { layout: 'nowhere' }, '`layout`: there is nothing at “nowhere”'],
    ['a database', { 'db-repository': 'ghcr.io/a/b\nUPPER/x' }, '`db-repository`, line 2'],
    ['push', { push: 'maybe' }, '`push`: “maybe” is none of auto, true, false'],
    ['rate-limit', { 'rate-limit': 'of' }, 'did you mean `off`?'],
    ['the reserve', { 'rate-limit-reserve': '1.5' }, '`rate-limit-reserve`: “1.5” is not a whole number'],
    ['no transfers', { parallel: '0' }, '`parallel`: “0” is not a whole number from 1'],
    ['a password without a name', { password: 'x', token: '' }, 'has no user name'],
    ['an unknown key', { 'registry-auth': '- registry: ghcr.io\n  pasword: x' }, 'did you mean `password`?'],
    ['no list', { 'registry-auth': 'registry: ghcr.io' }, '`registry-auth`, line 1: it is a YAML list'],
    ['no YAML', { 'registry-auth': '- registry: a.b\n  x: "' }, '`registry-auth`, line 2: this is not YAML'],
    ['no entry', { 'registry-auth': '- ghcr.io' }, 'an entry is a map'],
    ['use', { 'registry-auth': '- username: a\n  password: b\n  use: psuh' }, 'did you mean `push`?'],
    [
      'a login twice',
      { username: 'a', password: 'b', 'registry-auth': '- registry: registry.example\n  username: c\n  password: d' },
      'there are two logins to registry.example',
    ],
    ['a CA that is missing', { 'registry-config': '- registry: a.b\n  ca: no.pem' }, 'cannot be read'],
    ['a CA that is none', { 'registry-config': '- registry: a.b\n  ca: Dockerfile' }, 'holds no certificate'],
    ['a registry with a path', { 'registry-config': '- registry: ghcr.io/acme' }, 'is not a registry'],
    ['insecure', { 'registry-config': '- registry: a.b\n  insecure: yes' }, '“yes” is neither true nor false'],
    ['a registry twice', { 'registry-config': '- registry: a.b\n- registry: A.b' }, 'line 2: a.b is there twice'],
  ]
  test.each(cases)('the reader refuses %s', async (_name, inputs, part) => {
    const error = await failure({ ...IMAGE, ...inputs })
    expect(error.message).toContain(part)
  })

  test.each([
    'context',
    'file',
    'target',
    'platforms',
    'build-args',
    'secrets',
    'builder',
    'provenance',
    'labels',
    'labels-compat',
    'annotations',
  ])('a layout beside %s is a contradiction', async (input) => {
    const value = ['provenance', 'labels-compat'].includes(input) ? 'true' : 'a=1'
    const error = await failure({ ...IMAGE, layout: '.', [input]: value })
    expect(error.message).toContain(`\`${input}\`: it is for builds`)
  })

  test('only what a runner makes from `with:` is an input', async () => {
    const variables = { ...withInputs(IMAGE), INPUT_lower: 'x', 'INPUT_with space': 'x', INPUT_: 'x', MY_INPUT_X: 'x' }
    await expect(readInputs(variables, environment())).resolves.toBeDefined()
    const unknown = readInputs({ ...variables, INPUT_BUILD_ARGS: '' }, environment())
    await expect(unknown).rejects.toThrow('did you mean `build-args`?')
  })

  test('no secret is shown in a message', async () => {
    const secrets = ['hunter-two', 'hunter-three', 'hunter-four']
    const error = await failure({
      ...IMAGE,
      secrets: 'hunter-two\n"x=hunter-three',
      'registry-auth': '- registry: ghcr.io\n  pasword: hunter-four\n  username: [hunter-four]',
    })
    for (const secret of secrets) expect(error.message).not.toContain(secret)
  })

  test('nothing that strangers write makes the reader throw anything else', async () => {
    const names = inputsOf('publish')
      .map(({ name }) => name)
      .filter((name) => name !== 'context' && name !== 'layout')
    const place = environment()
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), fc.string({ maxLength: 60 })), async (inputs) => {
        const thrown: unknown = await readInputs(withInputs(inputs), place).then(
          () => undefined,
          (error: unknown) => error,
        )
        expect(thrown === undefined || thrown instanceof LadingError).toBe(true)
      }),
      { numRuns: 150 },
    )
  })
})

describe('names', () => {
  test('images come a line or comma-separated, quoted, with attributes', async () => {
    const inputs = await read({
      images: '# two\nghcr.io/acme/a\n acme/b\nname=acme/c,enable=true\nacme/d,enable=false\n\n"acme/e"\nACME/F',
    })
    expect(inputs.request.images.map(({ registry, path }) => `${registry} ${path}`)).toEqual([
      'ghcr.io acme/a',
      'docker.io acme/b',
      'docker.io acme/c',
      'docker.io acme/e',
      'docker.io acme/f',
    ])
    expect(inputs.notices).toEqual(['images: “ACME/F” is published as docker.io/acme/f'])
    const { request } = await read({ images: 'acme/a, acme/b' })
    expect(request.images.map(({ path }) => path)).toEqual(['acme/a', 'acme/b'])
  })

  test('commits are shortened as the switch says', async () => {
    const lengthOf = async (text: string) =>
      (await readInputs({ ...withInputs(IMAGE), DOCKER_METADATA_SHORT_SHA_LENGTH: text }, environment())).request
        .shortSha
    expect(await lengthOf('')).toBe(7)
    expect(await lengthOf('12')).toBe(12)
    await expect(lengthOf('seven')).rejects.toThrow('`DOCKER_METADATA_SHORT_SHA_LENGTH`: “seven” is not a whole number')
  })

  test('they tell of the event or of the checkout', async () => {
    expect((await read({})).tagContext).toBe('workflow')
    expect((await read({ 'tag-context': 'git' })).tagContext).toBe('git')
    expect((await failure({ ...IMAGE, 'tag-context': 'gti' })).message).toContain('did you mean `git`?')
  })

  test('a bare latest is the preset, and a notice says so', async () => {
    const { request, notices } = await read({ tags: 'latest' })
    expect(request.tags).toEqual([{ type: 'preset', preset: 'latest' }])
    expect(notices.join()).toContain('type=raw,value=latest')
  })

  test('a version loses its v, labels keep their commas and equals signs', async () => {
    const { request } = await read({ version: 'v1.2.3-rc.1', labels: 'a=1, 2=3\nb=' })
    expect(request.version).toBe('1.2.3-rc.1')
    expect(texts(request.labels)).toEqual(['a=1, 2=3', 'b='])
  })
})

describe('logins', () => {
  test('on ghcr.io the actor and the token of the job', async () => {
    const { secrets } = await read({ images: 'ghcr.io/acme/api', token: 'tok' })
    expect(secrets.logins).toEqual([
      { registry: 'ghcr.io', prefix: '', username: 'octocat', password: 'tok', use: 'both', useGiven: false },
    ])
  })

  test('the own login steps back behind a named one, and fills the use that it leaves', async () => {
    const named = (use: string) => `- registry: ghcr.io\n  username: a\n  password: b\n  use: ${use}`
    const both = await read({ images: 'ghcr.io/acme/api', token: 't', 'registry-auth': named('both') })
    expect(both.secrets.logins).toHaveLength(1)
    const pull = await read({ images: 'ghcr.io/acme/api', token: 't', 'registry-auth': named('pull') })
    expect(pull.secrets.logins.map(({ username, use }) => `${username} ${use}`)).toEqual(['a pull', 'octocat push'])
  })

  test('a single login is for the registry of the images', async () => {
    const { secrets } = await read({ username: 'u', password: 'p' })
    expect(secrets.logins).toMatchObject([{ registry: 'registry.example', username: 'u', password: 'p' }])
    const error = await failure({ images: 'ghcr.io/a/b\nacme/c', username: 'u', password: 'p' })
    expect(error.message).toContain('say in `registry` which one')
  })

  test.each([
    ['docker.io', 'docker.io', ''],
    ['index.docker.io', 'docker.io', ''],
    ['https://index.docker.io/v1/', 'docker.io', ''],
    ['ghcr.io/acme', 'ghcr.io', 'acme'],
    ['HTTPS://GHCR.io/Acme/Api/', 'ghcr.io', 'acme/api'],
    ['localhost:5000', 'localhost:5000', ''],
    ['""', 'docker.io', ''],
  ])('%s is %s with the prefix “%s”', async (written, registry, prefix) => {
    const auth = `- registry: ${written}\n  username: 007\n  password: 1e3\n  use: pull`
    const { secrets } = await read({ 'registry-auth': auth })
    // A password that looks like a number stays the text it is.
    expect(secrets.logins).toEqual([
      { registry, prefix, username: '007', password: '1e3', use: 'pull', useGiven: true },
    ])
  })

  test.each(['acme', 'http://ghcr.io', 'a b', 'ghcr.io:x'])('%s is no registry', async (written) => {
    const error = await failure({ ...IMAGE, 'registry-auth': `- registry: ${written}\n  username: a\n  password: b` })
    expect(error.message).toContain('is not a registry')
  })

  describe('at Amazon ECR', () => {
    const HOST = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
    const ROLE = 'arn:aws:iam::123456789012:role/ci/publish'
    const entry = (...lines: readonly string[]) => [`- registry: ${HOST}/acme`, ...lines].join('\n  ')

    test('by default a token is asked for where nobody is named, and no repository is created', async () => {
      const { aws } = await read({ images: `${HOST}/api` })
      expect(aws).toEqual({ tokens: 'auto', logins: [], createRepository: false })
      const other = await read({ ecr: 'true', 'create-repository': 'true' })
      expect(other.aws).toMatchObject({ tokens: 'always', createRepository: true })
    })

    test('a role stands for a login', async () => {
      const { aws, secrets } = await read({ 'registry-auth': entry(`role-to-assume: ${ROLE}`, 'use: push') })
      const identity = { kind: 'role', role: ROLE }
      expect(aws.logins).toEqual([{ registry: HOST, prefix: 'acme', use: 'push', identity }])
      expect(secrets.logins).toEqual([])
    })

    test('user and password are AWS keys, as in login-action; a token that is there already is a password', async () => {
      const keys = { 'registry-auth': entry('username: AKIA1', 'password: secret') }
      const identity = { kind: 'keys', accessKeyId: 'AKIA1', secretAccessKey: 'secret' }
      expect((await read(keys)).aws.logins).toMatchObject([{ registry: HOST, use: 'both', identity }])
      const single = await read({ images: `${HOST}/api`, username: 'AKIA1', password: 'secret' })
      expect(single.aws.logins).toMatchObject([{ prefix: '', identity }])
      for (const more of [{ 'registry-auth': entry('username: AWS', 'password: secret') }, { ...keys, ecr: 'false' }]) {
        const { aws, secrets } = await read(more)
        expect([aws.logins, secrets.logins]).toMatchObject([[], [{ registry: HOST, password: 'secret' }]])
      }
    })

    test('a pull request of a fork has no identity, and no mistake', async () => {
      const change = { event: 'pull_request', pullRequest: { number: 1, fromFork: true } }
      const { aws, notices } = await read({ 'registry-auth': entry(`role-to-assume: ${ROLE}`) }, change)
      expect(aws.logins).toEqual([])
      expect(notices).toEqual([`${HOST} is used without a login: this event gets no identity`])
    })

    test.each([
      ['a role elsewhere', `- registry: ghcr.io\n  role-to-assume: ${ROLE}`, {}, 'ghcr.io is none'],
      ['a role and a password', entry(`role-to-assume: ${ROLE}`, 'password: x'), {}, 'stands for password'],
      ['a role that is none', entry('role-to-assume: publish'), {}, '“publish” is no role such as arn:aws:iam::'],
      ['a role without tokens', entry(`role-to-assume: ${ROLE}`), { ecr: 'false' }, '`ecr: false` does not let it'],
      ['a misspelt key', entry(`role-to-asume: ${ROLE}`), {}, 'did you mean `role-to-assume`?'],
      [
        'two logins',
        `${entry(`role-to-assume: ${ROLE}`)}\n${entry('username: a', 'password: b')}`,
        {},
        'two logins to',
      ],
    ])('%s is a mistake', async (_name, auth, more, text) => {
      const error = await failure({ ...IMAGE, 'registry-auth': auth, ...more })
      expect(error.message).toContain(text)
    })

    test('what `ecr` says is auto, true or false', async () => {
      expect((await failure({ ...IMAGE, ecr: 'off' })).message).toContain('`ecr`')
    })
  })

  test('an empty password is LOGIN_FAILED, beside another mistake INPUT_INVALID', async () => {
    const alone = await failure({ ...IMAGE, username: 'u' })
    expect(alone.code).toBe('LOGIN_FAILED')
    expect(alone.message).toContain('the login to registry.example has no password')
    const listed = await failure({ ...IMAGE, 'registry-auth': '- registry: a.b\n  username: u\n  password: ' })
    expect(listed.message).toContain('`registry-auth`, line 1: the login to a.b has no password')
    expect((await failure({ ...IMAGE, username: 'u', scan: 'x' })).code).toBe('INPUT_INVALID')
  })

  test('the token of the job is not sent under another name', async () => {
    const error = await failure({ images: 'ghcr.io/acme/api', token: 't', username: 'somebody' })
    expect(error.message).toContain('the login to ghcr.io has no password')
  })

  test('where GitHub withholds secrets an empty password only drops the login', async () => {
    const fork = await read({ username: 'u' }, { pullRequest: { number: 1, fromFork: true } })
    expect(fork.secrets.logins).toEqual([])
    expect(fork.notices.join()).toContain('used without a login')
    expect((await read({ username: 'u' }, { actor: 'dependabot[bot]' })).secrets.logins).toEqual([])
    expect((await failure({ ...IMAGE, username: 'u' }, { pullRequest: { number: 1, fromFork: false } })).code).toBe(
      'LOGIN_FAILED',
    )
  })
})

describe('builds', () => {
  test('context and file are absolute, an absent file stays empty', async () => {
    const workspace = folderWith({ 'svc/Dockerfile': '', 'docker/File': '' })
    const { request } = await read({ context: 'svc', file: 'docker/File' }, { workspace })
    expect(request.origin).toMatchObject({ context: join(workspace, 'svc'), file: join(workspace, 'docker/File') })
    expect((await read({ context: 'svc' }, { workspace })).request.origin).toMatchObject({ file: '' })
    await expect(read({}, { workspace })).rejects.toThrow('the context has no Dockerfile')
  })

  test('the default context is the commit, with the token for its host', async () => {
    const inputs = await read({ context: '{{defaultContext}}:svc', file: 'Df', token: 'tok' })
    const address = 'https://github.com/acme/api.git#90dd603000000000000000000000000000000000:svc'
    expect(inputs.request.origin).toMatchObject({ context: address, file: 'Df' })
    expect(inputs.secrets.buildSecrets).toEqual([{ id: 'GIT_AUTH_TOKEN.github.com', value: 'tok' }])
  })

  test.each(['https://github.com/evil/api.git', 'https://github.com/acme/api.git.evil.example/x', '.'])(
    'the token is not for the context %s',
    async (context) => {
      expect((await read({ context, token: 'tok' })).secrets.buildSecrets).toEqual([])
    },
  )

  test('a pull request builds its ref', async () => {
    const { request } = await read({ context: '{{defaultContext}}' }, { ref: 'refs/pull/7/merge' })
    expect(request.origin).toMatchObject({ context: 'https://github.com/acme/api.git#refs/pull/7/merge' })
  })

  test('secrets may be quoted and have several lines, with a number sign in them', async () => {
    const inputs = await read({ secrets: 'a=x=y\n"key=-----BEGIN\n# not a comment\nEND"\n' })
    expect(inputs.secrets.buildSecrets).toEqual([
      { id: 'a', value: 'x=y' },
      { id: 'key', value: '-----BEGIN\n# not a comment\nEND' },
    ])
  })

  test('annotations with the levels and platforms that buildx knows', async () => {
    const annotations =
      'a=1, 2\nmanifest:b:c=2\nindex,manifest-descriptor[linux/arm64/v8]:d={{branch}}\norg.example/e=f:g'
    const { request } = await read({ platforms: 'linux/arm64,linux/amd64', annotations })
    expect(request.annotations.own.map(({ places, line }) => [places, line.text])).toEqual([
      [[], 'a=1, 2'],
      [[{ level: 'manifest' }], 'b:c=2'],
      [[{ level: 'index' }, { level: 'manifest-descriptor', platform: 'linux/arm64/v8' }], 'd={{branch}}'],
      [[], 'org.example/e=f:g'],
    ])
  })

  test('the scanner: the pinned release, another one, a file of it, or a program', async () => {
    const { workspace } = environment()
    const trivy = async (inputs: With) =>
      (await readInputs(withInputs({ ...IMAGE, ...inputs }), environment({ workspace }))).request.gate.trivy
    const pinned = { kind: 'release', version: '0.74.0', archive: '' }
    expect(await trivy({})).toEqual(pinned)
    expect(await trivy({ 'trivy-version': '0.73.0' })).toEqual({ ...pinned, version: '0.73.0' })
    const sha256 = 'ab'.repeat(32)
    const named = `v0.99.0@sha256:${sha256}`
    expect(await trivy({ 'trivy-version': named })).toEqual({ ...pinned, version: '0.99.0', sha256 })
    const archive = join(workspace, 'tools/trivy.tar.gz')
    expect(await trivy({ 'trivy-archive': 'tools/trivy.tar.gz' })).toEqual({ ...pinned, archive })
    expect(await trivy({ 'trivy-path': './trivy' })).toEqual({ kind: 'program', path: join(workspace, 'trivy') })
  })

  test.each([
    ['v0.69.4', 'steals credentials (GHSA-69fq-xp46-6x23)'],
    ['0.69.6', 'steals credentials'],
    [`v0.69.5@sha256:${'ab'.repeat(32)}`, 'steals credentials'],
    ['v0.76.0', 'its hash has to be named'],
    [`v0.74.0@sha256:${'ab'.repeat(32)}`, 'no archive of Trivy 0.74.0 has the sha256'],
  ])('no scanner %s that must not be run, with a code of its own', async (version, says) => {
    const error = expect.objectContaining({ code: 'TOOL_UNVERIFIED', message: expect.stringContaining(says) })
    await expect(read({ 'trivy-version': version })).rejects.toEqual(error)
    const mixed = expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(says) })
    await expect(read({ 'trivy-version': version, push: 'maybe' })).rejects.toEqual(mixed)
  })

  test('the levels of annotations as metadata-action’s switch has them', async () => {
    const levels = async (text: string) => {
      const variables = { ...withInputs(IMAGE), DOCKER_METADATA_ANNOTATIONS_LEVELS: text }
      return (await readInputs(variables, environment())).request.annotations.places
    }
    expect(await levels('')).toEqual([])
    expect(await levels('index, manifest,index')).toEqual([{ level: 'index' }, { level: 'manifest' }])
    await expect(levels('manifest,idnex')).rejects.toThrow(
      /`annotations`: DOCKER_METADATA_ANNOTATIONS_LEVELS: “idnex” is none of .*did you mean `index`\?/,
    )
  })

  test('lists of the build', async () => {
    const { request } = await read({
      platforms: 'linux/amd64, Linux/arm64\nlinux/arm/v7',
      'build-args': 'A=1,2\nB\n"C=x\ny"',
      provenance: 'mode=max,inline-only=true',
    })
    expect(request.origin).toMatchObject({
      platforms: ['linux/amd64', 'linux/arm64', 'linux/arm/v7'],
      buildArgs: [{ text: 'A=1,2' }, { text: 'B' }, { text: 'C=x\ny' }],
      provenance: 'mode=max,inline-only=true',
    })
  })

  test('a layout takes the place of the build', async () => {
    const place = environment()
    const { request } = await readInputs(withInputs({ ...IMAGE, layout: 'Dockerfile', context: '.' }), place)
    expect(request.origin).toEqual({ kind: 'layout', path: join(place.workspace, 'Dockerfile') })
  })
})

describe('registries', () => {
  test('settings hold the certificates themselves', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n'
    const workspace = folderWith({ Dockerfile: '', 'ca.pem': pem })
    const config = `- registry: a.b:443\n  ca: ca.pem\n- registry: c.d\n  insecure: true\n- registry: e.f\n  ca: |\n${pem.replace(/^(?=.)/gm, '    ')}`
    const { settings } = await read({ 'registry-config': config }, { workspace })
    expect(settings).toEqual([
      { registry: 'a.b:443', insecure: false, ca: pem },
      { registry: 'c.d', insecure: true },
      { registry: 'e.f', insecure: false, ca: pem },
    ])
  })

  test('severities come in any case, flags as YAML has them', async () => {
    const { request } = await read({ severity: 'critical\nmedium', 'ignore-unfixed': 'TRUE', push: 'false' })
    expect(request.gate).toMatchObject({ severities: ['MEDIUM', 'CRITICAL'], ignoreUnfixed: true })
    expect(request.push).toBe('no')
  })
})
