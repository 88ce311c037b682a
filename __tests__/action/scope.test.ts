import { describe, expect, test } from 'vitest'
import { readInputs } from '../../src/action/inputs.ts'
import { parseInstant } from '../../src/action/instant.ts'
import { asLadingError } from '../../src/error.ts'
import { SCANNERS } from '../../src/plan/request.ts'
import { environment, folderWith, withInputs } from './given.ts'

type Files = Readonly<Record<string, string>>
type With = Readonly<Record<string, string>>

async function read(inputs: With, files: Files = {}) {
  const workspace = folderWith({ Dockerfile: 'FROM scratch\n', ...files })
  const all = withInputs({ images: 'registry.example/acme/api', ...inputs })
  const { request, notices } = await readInputs(all, environment({ workspace }))
  return { ...request.gate.scope, notices, workspace }
}

async function refusal(inputs: With, files: Files = {}): Promise<string> {
  try {
    await read(inputs, files)
  } catch (error) {
    return asLadingError(error).message
  }
  throw new Error('the inputs were accepted')
}

const PLAIN = { about: SCANNERS, paths: [], purls: [], statement: '', expires: '' }

describe('trivyignores', () => {
  test('takes a plain file: ids, dates and comments', async () => {
    const text = '# known\nCVE-2019-14697\n\n  github-pat exp:2026-12-31  # rotated\r\nGPL-3.0-only\n'
    expect((await read({ trivyignores: '.trivyignore' }, { '.trivyignore': text })).exceptions).toEqual([
      { ...PLAIN, id: 'CVE-2019-14697', origin: '.trivyignore, line 2' },
      { ...PLAIN, id: 'github-pat', expires: '2026-12-31T00:00:00.000Z', origin: '.trivyignore, line 4' },
      { ...PLAIN, id: 'GPL-3.0-only', origin: '.trivyignore, line 5' },
    ])
  })

  test('takes several files, plain and YAML, with all that an entry can say', async () => {
    const yaml = `vulnerabilities:
  - id: CVE-1
    paths: ["usr/lib/*"]
    purls:
      - pkg:apk/alpine/musl
    expired_at: 2026-12-31
    statement: not reachable
secrets:
  - id: github-pat
licenses: # none yet
`
    const files = { 'a/one.yml': yaml, '.trivyignore': 'CVE-2' }
    expect((await read({ trivyignores: 'a/one.yml, .trivyignore' }, files)).exceptions).toEqual([
      {
        about: ['vuln'],
        id: 'CVE-1',
        paths: ['usr/lib/*'],
        purls: ['pkg:apk/alpine/musl'],
        statement: 'not reachable',
        expires: '2026-12-31T00:00:00.000Z',
        origin: 'a/one.yml, line 2',
      },
      { ...PLAIN, about: ['secret'], id: 'github-pat', origin: 'a/one.yml, line 9' },
      { ...PLAIN, id: 'CVE-2', origin: '.trivyignore, line 1' },
    ])
  })

  test('a YAML file of comments alone says nothing', async () => {
    expect((await read({ trivyignores: 'a.yaml' }, { 'a.yaml': '# nothing\n' })).exceptions).toEqual([])
  })

  const id = 'vulnerabilities:\n  - id: CVE-1\n'
  test.each<[string, string, string, string]>([
    ['a date that is none', 'f', 'CVE-1\nCVE-2 exp:2026-02-31', 'f, line 2: “exp:2026-02-31” is no date'],
    ['a misspelt date', 'f', 'CVE-1 expires:2026-02-01', 'f, line 1: “expires:2026-02-01” is no exp:YYYY-MM-DD'],
    ['two dates', 'f', 'CVE-1 exp:2026-02-01 exp:2027-02-01', 'f, line 1: there is more than one date'],
    ['a date alone', 'f', 'exp:2026-02-01', 'f, line 1: an id stands before its date'],
    ['YAML under another name', 'f', id, 'f, line 1: “vulnerabilities:” looks like YAML'],
    ['YAML under a name in capitals', 'f.YAML', id, 'looks like YAML'],
    ['a section that nobody knows', 'f.yaml', 'vulnerabilites:\n  - id: a', 'did you mean `vulnerabilities`?'],
    [
      'a key that nobody knows',
      'f.yml',
      'secrets:\n  - idd: a',
      'f.yml, line 2: unknown key “idd”; did you mean `id`?',
    ],
    ['an entry without id', 'f.yml', 'secrets:\n  - paths: [a]', 'f.yml, line 2: an entry names its `id`'],
    ['a key twice', 'f.yml', `${id}    id: CVE-2`, 'f.yml, line 3: this is not YAML (DUPLICATE_KEY)'],
    ['a date in YAML', 'f.yml', `${id}    expired_at: 31.12.2026`, 'f.yml, line 3: “31.12.2026” is no date'],
    ['a path that is no list', 'f.yml', `${id}    paths: usr`, 'f.yml, line 3: the value of “paths” is a list'],
    ['a purl', 'f.yml', `${id}    purls: [musl]`, 'f.yml, line 3: “musl” is no package URL'],
    ['purls of secrets', 'f.yml', 'secrets:\n  - id: a\n    purls: ["pkg:apk/a"]', '`purls` are for vulnerabilities'],
    ['a list of plain ids', 'f.yml', 'secrets: [a]', 'f.yml, line 1: an entry is a map'],
    ['a section that is no list', 'f.yml', 'secrets:\n  id: a', 'f.yml, line 1: secrets is a list'],
    ['no map at all', 'f.yml', '- id: a', 'f.yml, line 1: it is a map of vulnerabilities'],
    ['an alias', 'f.yml', 'secrets:\n  - &a {id: x}\n  - *a', 'f.yml, line 3: an entry is a map'],
    ['no YAML', 'f.yml', 'secrets: "', 'f.yml, line 1: this is not YAML'],
  ])('refuses %s', async (_name, file, text, part) => {
    expect(await refusal({ trivyignores: file }, { [file]: text })).toContain(part)
  })

  test('a file that is missing is told with the line of the input', async () => {
    const files = { '.trivyignore': 'CVE-1' }
    expect(await refusal({ trivyignores: '.trivyignore\nsecurity/ignore.yaml\n.' }, files)).toMatch(
      /`trivyignores`, line 2: there is no file “security\/ignore\.yaml”[\s\S]*line 3: there is no file “\.”/,
    )
  })
})

test.each([
  ['2026-12-31', '2026-12-31T00:00:00.000Z'],
  ['2026-12-31T10:00:00Z', '2026-12-31T10:00:00.000Z'],
  ['2026-12-31 10:00', '2026-12-31T10:00:00.000Z'],
  ['2026-12-31T10:00:00.5+02:00', '2026-12-31T08:00:00.000Z'],
  ['2026-02-29', undefined],
  ['2026-1-1', undefined],
  ['2026-12-31T25:00Z', undefined],
  ['tomorrow', undefined],
  ['', undefined],
])('the date %j is %j', (text, instant) => {
  expect(parseInstant(text)).toBe(instant)
})

describe('scanners', () => {
  test('vulnerabilities and secrets stop a publish, the others are advice', async () => {
    expect((await read({})).scanners).toEqual({ vuln: 'gate', secret: 'gate' })
    expect((await read({ scanners: 'license,misconfig,vuln' })).scanners).toEqual({
      vuln: 'gate',
      misconfig: 'report',
      license: 'report',
    })
    expect((await read({ scanners: 'vuln=report\nlicense=gate' })).scanners).toEqual({
      vuln: 'report',
      license: 'gate',
    })
  })

  test.each([
    [
      { scanners: 'vulns' },
      '`scanners`, line 1: “vulns” is none of vuln, secret, misconfig, license; did you mean `vuln`?',
    ],
    [{ scanners: 'vuln\nlicense=gaet' }, '`scanners`, line 2: “gaet” is none of gate, report; did you mean `gate`?'],
    [{ scanners: 'vuln=' }, '“” is none of gate, report'],
    [{ scanners: 'vuln,vuln' }, 'vuln is there twice'],
    [{ 'pkg-types': 'libary' }, '`pkg-types`, line 1: “libary” is none of os, library; did you mean `library`?'],
    [{ vex: 'a.json' }, '`vex`, line 1: there is no file “a.json”'],
    [{ vex: 'oci' }, '`vex`, line 1: “oci” is a source of documents elsewhere'],
    [{ vex: 'Dockerfile' }, 'is no VEX document'],
    [{ 'trivy-config': 'trivy.yaml' }, '`trivy-config`: there is no file “trivy.yaml”'],
  ])('refuses %j', async (inputs, part) => {
    expect(await refusal(inputs)).toContain(part)
  })
})

test('globs and VEX documents', async () => {
  const inputs = { 'skip-dirs': '/opt/vendor,"**/{a,b}"', 'skip-files': '**/*.pem', vex: 'vex.json', 'pkg-types': 'os' }
  const scope = await read(inputs, { 'vex.json': '{}' })
  expect(scope).toMatchObject({
    skipDirectories: ['/opt/vendor', '**/{a,b}'],
    skipFiles: ['**/*.pem'],
    vex: [`${scope.workspace}/vex.json`],
    packageTypes: ['os'],
  })
})

describe('trivy-config', () => {
  const config = (text: string, more: Files = {}) =>
    [{ 'trivy-config': 'trivy.yaml' }, { 'trivy.yaml': text, ...more }] as const

  test('takes what no input says, and rules for secrets by their place in the workspace', async () => {
    const text =
      'vulnerability:\n  ignore-status: [will_not_fix]\nsecret:\n  config: rules.yaml\nscan:\n  parallel: 1\ndb:\n'
    const { settings, workspace, notices } = await read(...config(text, { 'rules.yaml': '' }))
    expect(settings).toEqual({
      file: 'trivy.yaml',
      values: {
        'vulnerability.ignore-status': ['will_not_fix'],
        'secret.config': `${workspace}/rules.yaml`,
        'scan.parallel': 1,
      },
    })
    expect(notices).toEqual([])
  })

  test('passes over how Trivy is run and what it prints, and says so', async () => {
    const { settings, notices } = await read(...config('format: table\ncache: { dir: /x }\n'))
    expect(settings?.values).toEqual({})
    expect(notices).toEqual(['trivy-config: format, cache.dir of trivy.yaml is for this action to say'])
  })

  test.each([
    ['severity: [LOW]', 'trivy.yaml, line 1: severity is what the input `severity` says'],
    ['scan:\n  skip-dirs: [usr]', 'trivy.yaml, line 2: scan.skip-dirs is what the input `skip-dirs` says'],
    ['vulnerability:\n  ignore-unfixed: true', 'is what the input `ignore-unfixed` says'],
    ['ignore-policy: a.rego', 'line 1: “ignore-policy” is no setting that is taken'],
    ['vulnerability:\n  ignore-statu: [x]', 'did you mean `vulnerability.ignore-status`?'],
    ['server:\n  addr: http://x', '“server.addr” is no setting that is taken'],
    ['secret:\n  config: no.yaml', 'secret.config: there is no file “no.yaml”'],
    ['license:\n  ignored: [[a]]', 'the value of license.ignored is one value or a list'],
    ['- a', 'trivy.yaml is not a map of settings'],
    ['a: "', 'trivy.yaml, line 1: this is not YAML'],
  ])('refuses %j', async (text, part) => {
    expect(await refusal(...config(text))).toContain(part)
  })
})
