import { homedir } from 'node:os'
import path from 'node:path'
import semver from 'semver'
import { builderImageFolder } from './builder-image.ts'
import { executable, exists, isRoot, onPath, run } from './command.ts'
import { databaseFolder } from './database.ts'
import { canMakeDebianRoot, inDebianRoot } from './debian-root.ts'
import { builtPath, findGo } from './go-build.ts'
import { runningEngine } from './running-engine.ts'
import { type Part, type PartName, part, variableOf } from './table.ts'
import { canUnpack, inUnpacked } from './unpacked.ts'

export type Located =
  | { readonly found: true; readonly path: string; readonly how: string }
  | { readonly found: false; readonly why: string; readonly remedy: string }

/** Looks for a part where a person would have put it, then where an earlier run put it. Never installs. */
export async function locate(name: PartName): Promise<Located> {
  return (
    (await namedByVariable(name)) ??
    (await alreadyRunning(name)) ??
    (await suitableOnPath(part(name))) ??
    (await userPlugin(name)) ??
    (await kept(part(name))) ??
    (await absent(part(name)))
  )
}

/** The path of a part that has to be there. */
export async function requirePart(name: PartName): Promise<string> {
  const located = await locate(name)
  if (!located.found) {
    throw new Error(`${name} is needed: ${located.why}. ${located.remedy}`)
  }
  return located.path
}

type Lookup = Promise<Located | undefined>

async function namedByVariable(name: PartName): Lookup {
  const variable = variableOf(name)
  const value = process.env[variable]
  // An engine is named by DOCKER_HOST.
  if (value === undefined || value === '' || isEngine(name)) {
    return undefined
  }
  if (await exists(value)) {
    return { found: true, path: path.resolve(value), how: `named by ${variable}` }
  }
  return {
    found: false,
    why: `${variable} names ${value}, which is not there`,
    remedy: `Correct or unset ${variable}.`,
  }
}

async function alreadyRunning(name: PartName): Lookup {
  if (!isEngine(name)) {
    return undefined
  }
  const engine = await runningEngine()
  return engine?.containerdStore === (name === 'engine')
    ? { found: true, path: engine.host, how: `engine ${engine.version}, running` }
    : undefined
}

function isEngine(name: PartName): boolean {
  return name === 'engine' || name === 'engine-graph'
}

async function suitableOnPath(wanted: Part): Lookup {
  if (wanted.onPath === undefined) {
    return undefined
  }
  const file = await onPath(wanted.onPath.command)
  const isAlone = file === undefined || !(await hasCompany(wanted, file))
  return isAlone ? undefined : ofRightVersion(file, wanted.onPath.ask, wanted.onPath.accepts)
}

async function userPlugin(name: PartName): Lookup {
  if (name !== 'buildx') {
    return undefined
  }
  for (const folder of pluginFolders()) {
    const file = path.join(folder, 'docker-buildx')
    const found = (await executable(file)) ? await ofRightVersion(file, ['version'], '>=0.29') : undefined
    if (found !== undefined) {
      return found
    }
  }
  return undefined
}

function pluginFolders(): readonly string[] {
  const own = process.env['DOCKER_CONFIG'] ?? path.join(homedir(), '.docker')
  const bases = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec']
  return [own, ...bases.map((base) => path.join(base, 'docker'))].map((base) => path.join(base, 'cli-plugins'))
}

async function ofRightVersion(file: string, ask: readonly string[], accepts: string): Lookup {
  const answer = await run(file, ask, { milliseconds: 10_000 })
  const version = semver.coerce(/v?\d+\.\d+\.\d+/.exec(answer.stdout + answer.stderr)?.[0])
  return version !== null && semver.satisfies(version, accepts)
    ? { found: true, path: file, how: `${version.version}, already on this machine` }
    : undefined
}

async function kept(wanted: Part): Lookup {
  for (const file of await keptFiles(wanted)) {
    if ((await exists(file)) && (await hasCompany(wanted, file))) {
      return { found: true, path: file, how: 'installed by scripts/parts' }
    }
  }
  return undefined
}

async function keptFiles(wanted: Part): Promise<readonly string[]> {
  const { recipe } = wanted
  if (recipe.from === 'go') {
    return [builtPath(recipe.program)]
  }
  if (recipe.from === 'debian') {
    const startable = !isEngine(wanted.name) || canMakeDebianRoot()
    const own = startable ? [inDebianRoot(recipe.file)] : []
    return recipe.otherwise === undefined ? own : [...own, builtPath(recipe.otherwise)]
  }
  if (recipe.from === 'package') {
    return []
  }
  if (recipe.from === 'unpacked') {
    return [inUnpacked(recipe)]
  }
  return [wanted.name === 'trivy-db' ? await databaseFolder() : builderImageFolder()]
}

async function hasCompany({ company = [] }: Part, file: string): Promise<boolean> {
  const beside = (name: string) => executable(path.join(path.dirname(file), name))
  const there = company.map(async (name) => (await beside(name)) || (await onPath(name)) !== undefined)
  return (await Promise.all(there)).every(Boolean)
}

async function absent(wanted: Part): Promise<Located> {
  return { found: false, why: `this machine has no ${wanted.called}`, remedy: await remedyFor(wanted) }
}

async function remedyFor(wanted: Part): Promise<string> {
  const command = `scripts/parts ${wanted.name}`
  switch (wanted.recipe.from) {
    case 'package':
      return remedyForPackage(wanted, command)
    case 'unpacked':
      return (await canUnpack()) ? `Run: ${command}` : `Install ${wanted.called}`
    default:
      return remedyForBuilt(wanted, command)
  }
}

async function remedyForBuilt(wanted: Part, command: string): Promise<string> {
  const { recipe } = wanted
  const needsRoot = recipe.from === 'debian' ? recipe.otherwise === undefined : wanted.name === 'builder-image'
  const needsGo = recipe.from !== 'debian' || !canMakeDebianRoot()
  if (needsRoot && !canMakeDebianRoot()) {
    const asRoot = process.platform === 'linux' && !isRoot() ? `run as root: ${command}` : 'use a Linux machine'
    return recipe.from === 'debian' ? `Install ${wanted.called}, or ${asRoot}` : `To have it, ${asRoot}`
  }
  return needsGo && (await findGo()) === undefined ? `Install Go 1.26 or newer and run: ${command}` : `Run: ${command}`
}

async function remedyForPackage(wanted: Part, command: string): Promise<string> {
  return isRoot() && (await onPath('apt-get')) !== undefined ? `Run: ${command}` : `Install ${wanted.called}`
}
