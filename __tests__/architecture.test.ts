import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/**
 * Who may import whom. A room may be seen by those that name it, and by nobody else; the files that lie beside the rooms
 * stand under their own names. `type` means that only its types may be imported, which leaves nothing at run time.
 */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  // The nouns. Pure: they hash, and that is all they need of the world.
  image: ['error.ts'],
  tags: ['type edges.ts', 'error.ts', 'image', 'plain-text.ts'],
  plan: ['image', 'tags'],
  report: ['image', 'plan', 'plain-text.ts'],
  'plain-text.ts': [],
  'error.ts': [],
  // What the world looks like to the core: types only.
  'edges.ts': ['type content', 'type image'],
  'access.ts': [],
  // The steps. None of build, scan, registry and survey knows another one.
  content: ['error.ts', 'image', 'type tags', 'plain-text.ts'],
  net: ['type access.ts', 'type edges.ts', 'error.ts', 'image'],
  registry: ['type access.ts', 'content', 'type edges.ts', 'error.ts', 'image', 'net', 'plain-text.ts'],
  aws: ['type access.ts', 'error.ts', 'image', 'net', 'plain-text.ts'],
  cache: ['type edges.ts', 'error.ts', 'net', 'plain-text.ts'],
  project: ['type edges.ts', 'error.ts', 'git.ts', 'image', 'net', 'plain-text.ts'],
  survey: ['type edges.ts', 'error.ts'],
  build: ['type access.ts', 'type edges.ts', 'error.ts', 'image', 'type plan', 'plain-text.ts'],
  scan: ['type edges.ts', 'error.ts', 'image', 'plan', 'type report', 'plain-text.ts'],
  // The stories: the only room that sees all steps.
  modes: [
    'build',
    'content',
    'type edges.ts',
    'error.ts',
    'image',
    'plan',
    'report',
    'scan',
    'survey',
    'tags',
    'plain-text.ts',
  ],
  'run.ts': ['type edges.ts', 'modes', 'type plan', 'type report'],
  'ecr-access.ts': ['type access.ts', 'aws', 'image', 'registry'],
  // GitHub, and what puts the edges together. Nothing but main sees them.
  action: ['type access.ts', 'type edges.ts', 'error.ts', 'git.ts', 'image', 'plan', 'report', 'tags', 'plain-text.ts'],
  'git.ts': ['type edges.ts'],
  'world.ts': [
    'type access.ts',
    'type aws',
    'build',
    'cache',
    'content',
    'ecr-access.ts',
    'type edges.ts',
    'image',
    'net',
    'project',
    'registry',
  ],
  'release.ts': [],
  'step.ts': ['action', 'error.ts', 'ground.ts', 'type plan', 'report', 'run.ts'],
  'ground.ts': ['action', 'type edges.ts', 'type plan', 'release.ts', 'world.ts'],
  'mirror-step.ts': ['action', 'error.ts', 'ground.ts', 'plan', 'release.ts', 'report', 'run.ts'],
  'main.ts': ['action', 'error.ts', 'mirror-step.ts', 'plan', 'release.ts', 'step.ts'],
}

/** Rooms that may not touch the world, and what of Node they may have nevertheless. */
const PURE: Readonly<Record<string, readonly string[]>> = {
  image: ['node:crypto'],
  tags: [],
  plan: [],
  report: [],
  survey: [],
  'plain-text.ts': [],
  'error.ts': [],
  'edges.ts': [],
  'access.ts': [],
}

/** Where a package may be imported; what is not named here may be imported nowhere. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@actions/core': ['action'],
  '@actions/exec': ['action'],
  '@renovatebot/pep440': ['tags'],
  '@sigstore/bundle': ['scan'],
  '@sigstore/verify': ['scan'],
  aws4fetch: ['aws'],
  'csv-parse': ['action'],
  'dockerfile-ast': ['build'],
  'fastest-levenshtein': ['action'],
  semver: ['tags'],
  'tar-stream': ['content', 'scan'],
  undici: ['net'],
  yaml: ['action'],
}

/** Packages that are small enough to be loaded with the first line; all others wait for whoever needs them. */
const LOADED_AT_ONCE: readonly string[] = ['@renovatebot/pep440', 'semver']

/** Files that gather parts of a package, and wait themselves for whoever needs them. */
const LOADED_LATE: readonly string[] = ['net/sockets.ts']

type Import = {
  readonly from: string
  /** a file below src, a package, or a module of Node */
  readonly to: string
  readonly kind: 'type' | 'value' | 'dynamic'
}

const SOURCE = join(import.meta.dirname, '../src')
const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
const texts = new Map(files.map((file) => [file, readFileSync(join(SOURCE, file), 'utf8')]))
const imports = [...texts].flatMap(([file, text]) => importsOf(file, text))
const own = imports.filter(({ to }) => texts.has(to))
const foreign = imports.filter(({ to }) => !texts.has(to))

test('every import is found', () => {
  expect(files.length).toBeGreaterThan(50)
  const words = [...texts.values()].flatMap(
    (text) => text.match(/^(?:import|export) .*from '|^import '|^\} from '|\bimport\('/gm) ?? [],
  )
  expect(imports).toHaveLength(words.length)
  expect(foreign.filter(({ to }) => to.startsWith('.'))).toEqual([])
})

test('every room has its line in the table', () => {
  expect([...new Set(files.map(roomOf))].toSorted()).toEqual(Object.keys(TABLE).toSorted())
})

test('rooms import whom the table allows', () => {
  const broken = own.filter(({ from, to, kind }) => !mayImport(roomOf(from), roomOf(to), kind))
  expect(broken).toEqual([])
})

test('pure rooms touch nothing of the world', () => {
  const broken = foreign.filter(({ from, to, kind }) => {
    const allowed = PURE[roomOf(from)]
    return allowed !== undefined && isBuiltin(to) && kind !== 'type' && !allowed.includes(to)
  })
  expect(broken).toEqual([])
  const clocks = files.filter(
    (file) =>
      PURE[roomOf(file)] !== undefined &&
      /Date\.now|new Date\(\)|performance\.now|Math\.random|fetch\(/.test(textOf(file)),
  )
  expect(clocks).toEqual([])
})

test('packages stay in their rooms', () => {
  const broken = foreign.filter(
    ({ from, to }) => !isBuiltin(to) && PACKAGES[packageOf(to)]?.includes(roomOf(from)) !== true,
  )
  expect(broken).toEqual([])
})

test('heavy packages are loaded when they are needed', () => {
  const broken = foreign.filter(
    ({ from, to, kind }) =>
      !isBuiltin(to) && kind === 'value' && !LOADED_AT_ONCE.includes(packageOf(to)) && !LOADED_LATE.includes(from),
  )
  expect(broken).toEqual([])
  expect(own.filter(({ to, kind }) => LOADED_LATE.includes(to) && kind === 'value')).toEqual([])
})

test('the environment and the process are read in action and main alone', () => {
  const reads = files.filter((file) => /\bprocess\.(?!ts')\w|from 'node:process'/.test(textOf(file)))
  expect(reads.filter((file) => roomOf(file) !== 'action' && file !== 'main.ts')).toEqual([])
})

test('only the verdict of the scan lets an image through', () => {
  const callers = files.filter((file) => /\badmit\b(?!te)/.test(textOf(file)) && file !== 'image/admitted.ts')
  expect(callers).toEqual(['scan/verdict.ts'])
  const casts = files.filter((file) => /\bas (?:unknown as )?Admitted\b/.test(textOf(file)))
  expect(casts).toEqual(['image/admitted.ts'])
})

test('no shell is started anywhere', () => {
  expect(files.filter((file) => /shell: true|\bexecSync\b|\bexec\(['"`]/.test(textOf(file)))).toEqual([])
})

test('nothing imports itself by way of others', () => {
  const next = new Map<string, readonly string[]>()
  for (const { from, to, kind } of own) if (kind !== 'type') next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file) || path.includes(file)) return
    for (const other of next.get(file) ?? []) visit(other, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  expect(cycles).toEqual([])
})

function mayImport(from: string, to: string, kind: Import['kind']): boolean {
  const allowed = TABLE[from] ?? []
  return from === to || allowed.includes(to) || (kind === 'type' && allowed.includes(`type ${to}`))
}

function importsOf(file: string, text: string): readonly Import[] {
  const statics = [...text.matchAll(/^(?:import|export) (type )?[^;'"]*?\bfrom '([^']+)'/gm)]
  const bare = [...text.matchAll(/^import '([^']+)'/gm)]
  const dynamics = [...text.matchAll(/\bimport\('([^']+)'\)/g)]
  return [
    ...statics.map(([statement, type, to = '']) => ({
      from: file,
      to: targetOf(file, to),
      kind: kindOf(statement, type),
    })),
    ...bare.map(([, to = '']) => ({ from: file, to: targetOf(file, to), kind: 'value' as const })),
    ...dynamics.map(([, to = '']) => ({ from: file, to: targetOf(file, to), kind: 'dynamic' as const })),
  ]
}

/** `import { type A, type B }` leaves nothing at run time either. */
function kindOf(statement: string, type: string | undefined): 'type' | 'value' {
  if (type !== undefined) return 'type'
  const names = /\{([^}]*)\}/.exec(statement)?.[1]
  const isTypes = names?.split(',').every((name) => /^\s*(?:type\s|$)/.test(name)) === true
  return isTypes ? 'type' : 'value'
}

function targetOf(file: string, specifier: string): string {
  return specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** The code without its comments, which may name what the code may not use. */
function textOf(file: string): string {
  return (texts.get(file) ?? '').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}
