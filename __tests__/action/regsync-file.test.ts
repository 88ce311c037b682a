import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Mistake } from '../../src/action/form.ts'
import { masksOfFile } from '../../src/action/masks.ts'
import { type MirrorFile, readMirrorFile } from '../../src/action/regsync-file.ts'
import type { MirrorWishes } from '../../src/plan/mirror-request.ts'
import { backupOf } from '../../src/tags/backup-name.ts'
import { selectTags } from '../../src/tags/select.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { folderWith } from './given.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures/regsync')
const fixture = (name: string) => readFileSync(join(FIXTURES, name), 'utf8')
const OWN = selfSignedCertificate()

type Given = {
  readonly files?: Readonly<Record<string, string>>
  readonly variables?: Readonly<Record<string, string>>
  readonly wishes?: Partial<MirrorWishes>
  readonly actor?: string
}
type Read = MirrorFile & { readonly mistakes: readonly Mistake[]; readonly notices: readonly string[] }

async function read(
  text: string,
  { files = {}, variables = {}, wishes = {}, actor = 'octocat' }: Given = {},
): Promise<Read> {
  const form = { mistakes: [], notices: [] }
  const workspace = folderWith({ 'mirror.yml': text, ...files })
  const environment = { workspace, machine: 'linux/amd64', actor }
  return { ...(await readMirrorFile(form, 'mirror.yml', { environment, variables, wishes })), ...form }
}

async function mistakesIn(text: string, given: Given = {}): Promise<readonly string[]> {
  const { mistakes } = await read(text, given)
  return mistakes.map((mistake) => mistake.text.replace('mirror.yml, line ', ''))
}

const entry = (...lines: readonly string[]) =>
  [
    'sync:',
    '  - source: a.io/a',
    '    target: b.io/a',
    '    type: repository',
    ...lines.map((line) => `    ${line}`),
  ].join('\n')

describe("regsync's own files", () => {
  test('its example means here what it means there', async () => {
    const files = { token: 'hush\n' }
    const text = fixture('example.yml').replace('/home/appuser/.docker/hub_token', 'token')
    const { entries, logins, settings, parallel, machineLogins, mistakes, notices } = await read(text, {
      files,
      variables: { HUB_USER: 'octo' },
    })
    expect(mistakes).toEqual([])
    expect(logins).toEqual([
      { registry: 'docker.io', prefix: '', username: 'octo', password: 'hush', use: 'both', useGiven: true },
    ])
    expect(settings).toEqual([{ registry: 'registry:5000', insecure: true }])
    expect({ parallel, machineLogins }).toEqual({ parallel: 2, machineLogins: true })
    expect(entries.map(({ kind, source, targets }) => ({ kind, source, targets }))).toEqual([
      {
        kind: 'image',
        source: { registry: 'docker.io', path: 'library/busybox', tag: 'latest' },
        targets: [{ registry: 'registry:5000', path: 'library/busybox', tag: 'latest' }],
      },
      {
        kind: 'repository',
        source: { registry: 'docker.io', path: 'library/alpine' },
        targets: [{ registry: 'registry:5000', path: 'library/alpine' }],
      },
      {
        kind: 'repository',
        source: { registry: 'docker.io', path: 'library/debian' },
        targets: [{ registry: 'registry:5000', path: 'library/debian' }],
      },
      {
        kind: 'image',
        source: { registry: 'ghcr.io', path: 'regclient/regctl', tag: 'latest' },
        targets: [{ registry: 'registry:5000', path: 'regclient/regctl', tag: 'latest' }],
      },
    ])
    expect(entries.map(({ origin }) => origin.line)).toEqual([31, 34, 42, 55])
    expect(entries.every(({ rateLimit }) => rateLimit.min === 100)).toBe(true)
    expect(entries.every(({ referrers, digestTags }) => referrers.carry === 'no' && digestTags === 'no')).toBe(true)
    const alpine = entries[1]?.kind === 'repository' ? entries[1].tags : { sets: [] }
    expect(selectTags(alpine, ['3', '3.9', '3.21', '3.9.1', 'latest', 'edge']).taken).toEqual([
      '3',
      '3.9',
      '3.21',
      'latest',
    ])
    expect(notices.map((text) => text.replace(/^mirror.yml, line \d+: /, ''))).toEqual([
      'images of type application/vnd.docker.distribution.manifest.v1+json cannot be copied, and none is asked for',
      'images of type application/vnd.docker.distribution.manifest.v1+prettyjws cannot be copied, and none is asked for',
      'when images are copied is decided by the `schedule` of the workflow, and not by this file',
      '`retry` is passed over: what the limit holds back is for the next run',
    ])
  })

  // `TestConfigRead` of regclient's cmd/regsync/regsync_test.go looks at the same.
  test('its test data does, with anchors, merge keys and templates', async () => {
    const one = await read(fixture('config1.yml'))
    expect(one.mistakes).toEqual([])
    expect(one.entries.map(({ targets }) => targets)).toEqual([
      [{ registry: 'registry:5000', path: 'library/busybox', tag: 'latest' }],
      [{ registry: 'registry:5000', path: 'hub/alpine' }],
      [{ registry: 'registry:5000', path: 'gcr/example/repo' }],
    ])
    const two = await read(fixture('config2.yml'))
    expect(two.mistakes).toEqual([])
    expect(two.entries.map(({ rateLimit }) => rateLimit)).toEqual([{ min: 0 }, { min: 0 }])
  })
})

describe('every key', () => {
  const files = { 'source.token': 'hush', 'ca.pem': OWN.cert, 'client.pem': OWN.cert, 'client.key': OWN.key }
  const variables = { SOURCE: 'localhost:5001', TARGET: 'localhost:5002', SOURCE_USER: 'reader' }
  const all = () => read(fixture('every-key.yml'), { files, variables })

  test('is read, and the request is plain data without secrets', async () => {
    const { entries, mistakes } = await all()
    expect(mistakes).toEqual([])
    expect(JSON.parse(JSON.stringify(entries))).toEqual(entries)
    expect(JSON.stringify(entries)).not.toContain('hush')
    expect(entries).toMatchObject([
      {
        kind: 'image',
        origin: { file: 'mirror.yml', line: 38 },
        platforms: { kind: 'one', platform: { os: 'linux', architecture: 'arm64' } },
        mediaTypes: ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.index.v1+json'],
        referrers: { carry: 'copied', filters: [] },
        digestTags: 'copied',
        allParts: false,
        externalLayers: true,
        existing: 'follow',
        minAge: { milliseconds: 0, except: [] },
        scan: 'off',
        prune: 'no',
        allowEmpty: false,
        rateLimit: { min: 100 },
      },
      {
        kind: 'repository',
        targets: [{ registry: 'localhost:5002', path: 'copy/two' }],
        tags: {
          sets: [
            { ranges: [], allow: [{ text: 'edge', reading: 'go' }], deny: [] },
            { ranges: ['^4.1'], allow: [], deny: [] },
            {
              ranges: ['>=1.0.0 <2.0.0-0'],
              allow: [{ text: '3' }, { text: '3\\.\\d+' }, { text: 'latest' }],
              deny: [{ text: '.*-rc.*' }],
            },
          ],
        },
        platforms: {
          kind: 'holes',
          platforms: [
            { os: 'linux', architecture: 'amd64' },
            { os: 'linux', architecture: 'arm64' },
          ],
          unnamed: true,
        },
        referrers: {
          carry: 'recheck',
          filters: [{ artifactType: 'application/spdx+json', annotations: { 'org.example.kind': 'sbom' } }],
          from: { registry: 'localhost:5001', path: 'referrers' },
          to: { registry: 'localhost:5002', path: 'referrers' },
        },
        digestTags: 'no',
        rateLimit: { min: 5 },
      },
      {
        kind: 'registry',
        source: 'localhost:5001',
        targets: [{ registry: 'localhost:5002', prefix: 'all' }],
        repositories: { allow: [{ text: 'library/.*' }], deny: [{ text: '.*/private' }] },
        tags: { sets: [] },
        mediaTypes: ['application/vnd.oci.image.manifest.v1+json'],
      },
    ])
  })

  test('of logins and registries is read', async () => {
    const { logins, settings, machineLogins, parallel } = await all()
    expect(logins).toEqual([
      { registry: 'localhost:5001', prefix: '', username: 'reader', password: 'hush', use: 'both', useGiven: true },
    ])
    expect(settings).toEqual([
      { registry: 'localhost:5001', insecure: true, parallel: 4 },
      {
        registry: 'localhost:5002',
        insecure: true,
        ca: OWN.cert.trim(),
        client: { cert: OWN.cert.trim(), key: OWN.key.trim() },
      },
    ])
    expect({ machineLogins, parallel }).toEqual({ machineLogins: false, parallel: 2 })
  })

  test('of our own is read', async () => {
    const { entries, mistakes, notices } = await read(fixture('own-keys.yml'))
    expect([mistakes, notices]).toEqual([[], []])
    expect(entries).toMatchObject([
      { minAge: { milliseconds: 172_800_000 }, scan: 'report', prune: 'no', allowEmpty: false },
      {
        tags: {
          sets: [
            { ranges: ['^4.1'], allow: [], deny: [], newest: 1 },
            { ranges: [], allow: [], deny: [], newest: 3 },
          ],
        },
        minAge: { milliseconds: 129_600_000 },
        scan: 'gate',
        prune: 'plan',
        allowEmpty: true,
      },
    ])
  })

  test('that changes nothing here is said once', async () => {
    const { notices } = await all()
    expect(notices).toHaveLength(9)
    for (const word of [
      'reqPerSec',
      'names platforms',
      'schedule',
      'hooks',
      'blobLimit',
      'cacheCount',
      'cacheTime',
      'userAgent',
      '`retry`',
    ]) {
      expect(notices.filter((text) => text.startsWith('mirror.yml, line ') && text.includes(word))).toHaveLength(1)
    }
  })

  test('names backups of what they are', async () => {
    const { entries } = await all()
    const now = new Date('2026-02-03T04:05:06Z')
    const names = entries.map((one) => backupOf(one, { registry: 'localhost:5002', path: 'x/y', tag: '1.0' }, now))
    expect(names).toEqual([
      { registry: 'localhost:5002', path: 'old/x/y', tag: 'image-1.0' },
      { registry: 'localhost:5002', path: 'x/y', tag: 'bkup-1.0' },
      { registry: 'localhost:5002', path: 'x/y', tag: 'bkup-1.0' },
    ])
  })
})

describe('a mistake is told with its line', () => {
  test.each<[string, string]>([
    ['', '1: the file is empty'],
    ['- a', '1: here belongs a map of version, creds, defaults, sync'],
    ['version: 1', '1: there is no `sync`'],
    ['version: 2\nsync: []', '1: `version` is a whole number from 0 to 1'],
    ['sync:\n  - a: [', '2: this is not YAML'],
    ['sync: []\nsnyc: []', '2: unknown key “snyc”'],
    ['sync: []\nsync: []', '2: the key “sync” is there twice, first in line 1'],
    ['sync: [*a]', '1: nothing is called &a before this'],
    ['sync: &a [*a]', '1: *a stands within itself'],
    ['sync: {}', '1: `sync` is a list'],
    ['sync: [text]', '1: here belongs a map of source'],
    ['sync:\n  - type: image\n    source: a.io/a', '2: an entry names its `target`'],
    ['sync:\n  - source: a.io/a\n    target: b.io/a', '2: an entry names its `type`'],
    [
      'sync:\n  - source: a.io/a\n    target: b.io/a\n    type: repo',
      '4: type: “repo” is none of image, repository, registry',
    ],
    [
      'sync:\n  - source: a.io/a:1\n    target: b.io/a\n    type: repository',
      '2: “a.io/a:1” is an image; here belongs a repository',
    ],
    ['sync:\n  - source: a.io/A\n    target: b.io/a\n    type: image', '2: “a.io/A” is not an image reference'],
    ['sync:\n  - source: a.io/a\n    target: ocidir://b\n    type: image', '3: “ocidir://b” is a folder'],
    ['sync:\n  - source: https://a.io/a\n    target: b.io/a\n    type: image', '2: “https://a.io/a” is a URL'],
    [`sync:\n  - source: a.io/a\n    target: b.io/a@sha256:${'0'.repeat(64)}\n    type: image`, '3: “b.io/a@sha256:'],
    ['sync:\n  - source: a.io/a\n    target: b.io\n    type: registry', '2: “a.io/a” has a path'],
    ['sync:\n  - source: a.io/a\n    target: a.io/a\n    type: repository', '2: a.io/a is copied onto itself'],
    ['sync:\n  - source: a.io\n    target: a.io\n    type: registry', '2: a.io is copied onto itself'],
    [
      'sync:\n  - {source: a.io/a, target: c.io/a, type: image}\n  - {source: b.io/a, target: "c.io/a:latest", type: image}',
      '3: c.io/a:latest is written by two entries, first in mirror.yml, line 2, from another source',
    ],
    [entry('tag: x'), '5: unknown key “tag”'],
    [entry('tags: latest'), '5: here belongs a map of allow, deny, semverRange, newest and others'],
    [entry('tags: {allow: latest}'), '5: `allow` is a list'],
    [entry('tags: {allow: [[a]]}'), '5: `allow` is a list of texts'],
    [entry('tags: {allow: ["a("]}'), '5: “a(” is no regular expression of Go: a ( is not closed'],
    [entry('tags: {deny: ["(?!a)"]}'), '5: “(?!a)” is no regular expression of Go'],
    [entry('tags:', '  allow: [a]', '  semverRange: [1.x]'), '7: “1.x” is no range of versions'],
    [entry('tags: {newest: 0}'), '5: `newest` is a whole number from 1'],
    [entry('tags: {newest: "3"}'), '5: `newest` is a whole number from 1'],
    [entry('tags: {minAge: soon}'), '5: minAge: “soon” is no time such as 90m or 2d'],
    [entry('tags: {allow: [010]}'), '5: “010” is a number to YAML; put it in quotes'],
    [entry('tags: {allow: [1_2]}'), '5: “1_2” is a number to YAML; put it in quotes'],
    [entry('tags: {allow: [1e3]}'), '5: “1e3” is a number to YAML; put it in quotes'],
    [entry('tags: {allow: [True]}'), '5: “True” is a flag to YAML; put it in quotes'],
    [entry('tagSets: [{minAge: 2d}]'), '5: unknown key “minAge”'],
    [entry('platform: linux'), ''],
    [entry('platform: a/b/c/d'), '5: “a/b/c/d” is no platform'],
    [entry('platforms: [plan9]'), '5: “plan9” is no platform'],
    [entry('fastCheck: yes'), '5: `fastCheck` is true or false'],
    [entry('mediaTypes: [nonsense]'), '5: “nonsense” is no media type'],
    [entry('referrers: true', 'referrerSource: "a b"'), '6: “a b” is not an image reference'],
    [entry('referrerFilters: [{type: x}]'), '5: unknown key “type”'],
    [entry('referrerFilters: [{annotations: x}]'), '5: `annotations` is a map of texts'],
    [entry('ratelimit: {retry: 1d}'), '5: retry: “1d” is no time such as 90m or 48h'],
    [entry('ratelimit: {min: -1}'), '5: `min` is a whole number from 0'],
    [entry('backup: "{{.Ref.Tagg}}"'), '5: a template: there is no .Ref.Tagg; known are .Ref.Scheme'],
    [entry('backup: "{{file \\"none\\"}}"'), '5: the file “none” cannot be read'],
    [entry('scan: on'), '5: scan: “on” is none of gate, report, off'],
    [entry('prune: maybe'), '5: prune: “maybe” is none of true, false, plan'],
    ['sync: []\ncreds: [{user: a}]', '2: an entry of `creds` names its `registry`'],
    ['sync: []\ncreds: [{registry: "a b"}]', '2: “a b” is not a registry'],
    ['sync: []\ncreds: [{registry: ghcr.io/acme}]', '2: “ghcr.io/acme” is not a registry'],
    ['sync: []\ncreds:\n  - registry: a.io\n  - registry: a.io', '4: a.io is there twice'],
    ['sync: []\ncreds: [{registry: a.io, hostname: b.io}]', '2: `hostname` is not supported'],
    [
      'sync: []\ncreds: [{registry: a.io, mirrors: [b.io]}]',
      '2: `mirrors` is not supported: write the mirror in the `source`',
    ],
    ['sync: []\ncreds: [{registry: a.io, pathPrefix: hub}]', '2: `pathPrefix` is not supported'],
    ['sync: []\ncreds: [{registry: a.io, credHelper: docker-credential-x}]', '2: `credHelper` is not supported'],
    ['sync: []\ncreds: [{registry: a.io, token: hush}]', '2: `token` is not supported'],
    ['sync: []\ncreds: [{registry: a.io, tls: off}]', '2: tls: “off” is none of enabled, disabled, insecure'],
    ['sync: []\ncreds: [{registry: a.io, reqConcurrent: 65}]', '2: `reqConcurrent` is a whole number from 0 to 64'],
    ['sync: []\ncreds: [{registry: a.io, regcert: hush}]', '2: regcert: here is no certificate in PEM form'],
    ['sync: []\ncreds: [{registry: a.io, clientKey: hush}]', '2: clientKey: here is no private key in PEM form'],
    ['sync: []\ncreds: [{registry: a.io, user: u}]', '2: the login to a.io has no `pass`'],
    ['sync: []\ncreds: [{registry: a.io, user: u, pass: "{{env \\"NONE\\"}}"}]', '2: the login to a.io has no `pass`'],
    ['sync: []\ndefaults: {parallel: many}', '2: `parallel` is a whole number'],
  ])('%s', async (text, expected) => {
    const mistakes = await mistakesIn(text)
    if (expected === '') expect(mistakes).toEqual([])
    else expect(mistakes.find((mistake) => mistake.startsWith(expected)) ?? mistakes).toContain(expected)
  })

  test('all of them together, each once although several entries share it', async () => {
    const text = [
      'x-base: &base',
      '  type: repository',
      '  fastcheck: true',
      'sync:',
      '  - {<<: *base, source: a.io/a, target: b.io/a}',
      '  - {<<: *base, source: a.io/b, target: b.io/B}',
      'defaults: {intervall: 1h}',
    ]
    const { mistakes } = await read(text.join('\n'))
    expect(mistakes).toEqual([
      {
        input: 'config',
        text: 'mirror.yml, line 7: unknown key “intervall”',
        meant: { word: 'intervall', among: expect.arrayContaining(['interval']) },
      },
      {
        input: 'config',
        text: 'mirror.yml, line 3: unknown key “fastcheck”',
        meant: { word: 'fastcheck', among: expect.arrayContaining(['fastCheck']) },
      },
      { input: 'config', text: expect.stringContaining('mirror.yml, line 6: “b.io/B” is not an image reference') },
    ])
  })

  test('a file that is not there, or too large, is one', async () => {
    const form: { mistakes: Mistake[]; notices: string[] } = { mistakes: [], notices: [] }
    const environment = {
      workspace: folderWith({ large: 'a'.repeat(1024 * 1024 + 1) }),
      machine: 'linux/amd64',
      actor: '',
    }
    for (const name of ['none.yml', 'large'])
      await readMirrorFile(form, name, { environment, variables: {}, wishes: {} })
    expect(form.mistakes.map(({ text }) => text)).toEqual([
      'the file “none.yml” cannot be read, or is larger than 1 MiB',
      'the file “large” cannot be read, or is larger than 1 MiB',
    ])
  })
})

describe('what is not what it looks like is a warning', () => {
  test.each<[string, string]>([
    [
      entry('tags: {allow: ["^a|b$"]}'),
      'line 5: “^a|b$” is read as ^^a|b$$, where each side of the | is held at one end only',
    ],
    [entry('tags: {deny: ["*"]}'), 'line 5: “*” repeats the ^ that is put before it'],
    [entry('tags: {allow: [3.10]}'), 'line 5: “3.10” is a number to YAML and is read as “3.1”; put it in quotes'],
    [entry('tags: {semverRange: ["<2.0.0"]}'), 'takes 2.0.0-rc.1 and 2.0.0-alpine too'],
    [entry('repos: {allow: [a]}'), '`repos` says nothing about `type: repository`'],
    [
      'sync: [{source: a.io/a, target: b.io/a, type: image, tags: {allow: [x]}}]',
      'tags are not chosen for `type: image`',
    ],
    [
      'sync: [{source: a.io/a, target: b.io/a, type: image, platform: arm64, platforms: [amd64]}]',
      '`platform` takes one image out',
    ],
    [
      'sync: [{source: a.io/a, target: b.io/a, type: image}, {source: a.io/a, target: b.io/a, type: image}]',
      'is written by two entries',
    ],
    [
      'x-a: &a {type: image}\nsync: [{source: a.io/a, target: b.io/a, type: repository, <<: *a}]',
      'line 2: the << stands after “type” and replaces it',
    ],
    [
      'sync: [{source: "a.io/{{env `toString`}}a", target: b.io/a, type: image}]',
      'line 1: the variable “toString” is not set',
    ],
    ['sync: []\ncreds: [{registry: a.io, user: u, pass: hush}]', 'line 2: a password stands in the file itself'],
  ])('%s', async (text, expected) => {
    const { mistakes, notices } = await read(text)
    expect(mistakes).toEqual([])
    expect(notices.find((notice) => notice.includes(expected)) ?? notices).toContain(expected)
  })

  test('and a range with `deny` beside it looks like one who knows', async () => {
    expect((await read(entry('tags: {semverRange: ["<2"], deny: [".*-.*"]}'))).notices).toEqual([])
  })
})

describe('secrets', () => {
  test('are in no message, whatever is wrong with them', async () => {
    const texts = ['{{hush}}', '{{env hush', '010', 'hush', '{{file "hush"}}'].flatMap((value) =>
      ['user', 'pass', 'regcert', 'clientCert', 'clientKey'].map(
        (key) =>
          `sync: []\ncreds: [{registry: a.io, user: u, ${key === 'user' ? 'pass' : key}: ${value === '010' ? value : `'${value}'`}}]`,
      ),
    )
    for (const text of texts) {
      const { mistakes, notices } = await read(text)
      const shown = [...mistakes.map((mistake) => mistake.text), ...notices]
        .join('\n')
        .replaceAll('the file “hush”', '')
      expect(shown).not.toBe('')
      expect(shown).not.toMatch(/hush|010/)
    }
  })

  test('are masked, and what is made of them', async () => {
    const files = { 'own.pem': OWN.cert, 'own.key': OWN.key }
    const clientKeys = `clientCert: '{{file "own.pem"}}', clientKey: '{{file "own.key"}}'`
    const text = `${entry()}\ncreds: [{registry: a.io, user: u, pass: '{{env "TOKEN"}}', ${clientKeys}}]`
    const { logins, settings } = await read(text, { files, variables: { TOKEN: 'first\nsecond' } })
    const masks = masksOfFile(logins, settings)
    expect(masks).toEqual(
      expect.arrayContaining(['first', 'second', Buffer.from('u:first\nsecond').toString('base64')]),
    )
    expect(masks).toEqual(expect.arrayContaining(OWN.key.trim().split('\n')))
    expect(masks).not.toContain('u')
  })

  test('that the event withholds are no mistake, and others have their own code', async () => {
    const text = `${entry()}\ncreds: [{registry: a.io, user: u, pass: '{{env "TOKEN"}}'}]`
    const [mistake] = (await read(text)).mistakes
    expect(mistake?.code).toBe('LOGIN_FAILED')
    const { mistakes, notices, logins } = await read(text, { actor: 'dependabot[bot]' })
    expect([mistakes, logins]).toEqual([[], []])
    expect(notices).toEqual([expect.stringContaining('a.io is used without a login')])
  })
})

describe('inputs', () => {
  const wishes = { existing: 'add', scan: 'gate', referrers: { carry: 'copied', filters: [] } } as const
  test('say what the file leaves open, and nothing else', async () => {
    const [open, said] = (
      await read(`${entry()}\n${entry('scan: off', 'referrers: false').replace('sync:\n', '')}`, { wishes })
    ).entries
    expect(open).toMatchObject({ existing: 'add', scan: 'gate', referrers: { carry: 'copied' }, digestTags: 'no' })
    expect(said).toMatchObject({ existing: 'add', scan: 'off', referrers: { carry: 'no' } })
  })
})

describe('any text', () => {
  test('is read or has its mistakes, each with a line', async () => {
    const unit = fc.constantFrom(
      ...[
        'sync:',
        '\n',
        '  ',
        '- ',
        'source: a',
        'target: b',
        'type: image',
        'tags:',
        'allow:',
        '[',
        ']',
        '{',
        '}',
        '&a ',
        '*a',
        '<<: ',
        'creds:',
      ],
      ...[
        'x-a:',
        '"',
        "'",
        ': ',
        ',',
        '{{env "A"}}',
        '{{',
        '|',
        'defaults:',
        'backup: ',
        '#',
        '\t',
        '---\n',
        '!!binary ',
        '1',
        'é',
        '\u0000',
        '? ',
      ],
    )
    const workspace = folderWith()
    await fc.assert(
      fc.asyncProperty(fc.array(unit, { maxLength: 25 }), async (parts) => {
        const form: { mistakes: Mistake[]; notices: string[] } = { mistakes: [], notices: [] }
        const surroundings = {
          environment: { workspace, machine: 'linux/amd64', actor: '' },
          variables: {},
          wishes: {},
        }
        writeFileSync(join(workspace, 'mirror.yml'), parts.join(''))
        const { entries } = await readMirrorFile(form, 'mirror.yml', surroundings)
        expect(form.mistakes.length + entries.length).toBeGreaterThanOrEqual(0)
        for (const { text } of form.mistakes) expect(text).toMatch(/^mirror\.yml, line [1-9]\d*: ./)
      }),
      { numRuns: 300 },
    )
  })

  test.each<[string, string]>([
    ['brackets within brackets', `sync: ${'['.repeat(20_000)}`],
    ['maps within maps', `sync: ${'{a: '.repeat(20_000)}`],
    ['one name again and again', `sync: [&a 1, ${'*a, '.repeat(20_000)}]`],
    ['many keys', Array.from({ length: 20_000 }, (_, at) => `key${at}: 1`).join('\n')],
    [
      'merges of merges',
      Array.from(
        { length: 5000 },
        (_, at) => `x-${at}: &m${at} {${at === 0 ? '' : `<<: *m${at - 1}, `}k${at}: 1}`,
      ).join('\n'),
    ],
    [
      'lists of lists of lists',
      `x-a: &a0 [x]\n${Array.from({ length: 60 }, (_, at) => `x-${at}: &a${at + 1} [*a${at}, *a${at}, *a${at}]`).join('\n')}\nsync: *a60`,
    ],
  ])('comes to an end: %s', async (_, text) => {
    const { mistakes } = await read(text)
    expect(mistakes.length).toBeGreaterThan(0)
    expect(mistakes.length).toBeLessThanOrEqual(101)
    for (const mistake of mistakes) expect(mistake.text).toMatch(/^mirror\.yml, line [1-9]\d*: ./)
  })
})
