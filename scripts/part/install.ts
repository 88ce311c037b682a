import { builderImageFolder, makeBuilderImage } from './builder-image.ts'
import { exists, isRoot, mustRun, onPath } from './command.ts'
import { databaseFolder, makeDatabase } from './database.ts'
import { canMakeDebianRoot, debianRoot, makeDebianRoot } from './debian-root.ts'
import { oneAtATime, type Say } from './folder.ts'
import { buildProgram, builtPath, findGo } from './go-build.ts'
import { locate } from './locate.ts'
import { type FromUnpacked, type GoProgram, type PartName, part } from './table.ts'
import { canUnpack, unpack, unpackedFolder } from './unpacked.ts'

/** Installs what is not there yet, and says for each part where it is or what a person has to do. */
export async function install(names: readonly PartName[], say: Say): Promise<void> {
  for (const name of names) {
    const before = await locate(name)
    if (!before.found) {
      await installOne(name, say)
    }
    const after = before.found ? before : await locate(name)
    say(
      after.found ? `${name}: ${after.path} (${after.how})` : `${name}: absent. ${sentence(after.why)} ${after.remedy}`,
    )
  }
}

async function installOne(name: PartName, say: Say): Promise<void> {
  const make = await makerOf(name)
  if (make === undefined) {
    return
  }
  say(`${name}: not there, installing it`)
  const began = Date.now()
  await make(say)
  say(`  done after ${Math.round((Date.now() - began) / 1000)} s`)
}

type Maker = (say: Say) => Promise<void>

/** How this user on this machine can get the part; undefined when only by hand. */
async function makerOf(name: PartName): Promise<Maker | undefined> {
  const go = (await findGo()) !== undefined
  const { recipe } = part(name)
  switch (recipe.from) {
    case 'debian':
      return canMakeDebianRoot() ? root : withoutRoot(recipe.otherwise, go)
    case 'go':
      return withoutRoot(recipe.program, go)
    case 'package':
      return (await canInstallPackages()) ? (say) => debianPackage(recipe.package, say) : undefined
    case 'unpacked':
      return (await canUnpack()) ? (say) => unpacked(recipe, say) : undefined
    case 'here':
      return go ? makerHere(name) : undefined
  }
}

function makerHere(name: PartName): Maker | undefined {
  if (name === 'trivy-db') {
    return database
  }
  return canMakeDebianRoot() ? builderImage : undefined
}

async function canInstallPackages(): Promise<boolean> {
  return isRoot() && (await onPath('apt-get')) !== undefined
}

function withoutRoot(program: GoProgram | undefined, go: boolean): Maker | undefined {
  return program !== undefined && go ? (say) => goProgram(program, say) : undefined
}

function goProgram(program: GoProgram, say: Say): Promise<void> {
  return once(`${program.module.replaceAll('/', '-')}-${program.version}`, builtPath(program), say, () =>
    buildProgram(program, say),
  )
}

/** Two installations at once would fail on the lock of the package manager, so ours wait for each other. */
function debianPackage(name: string, say: Say): Promise<void> {
  return oneAtATime('apt', say, async () => {
    say(`  installing the package ${name}`)
    const environment = { DEBIAN_FRONTEND: 'noninteractive' }
    await mustRun('refresh the list of packages', 'apt-get', ['update'], { environment })
    await mustRun(`install ${name}`, 'apt-get', ['install', '-y', '--no-install-recommends', name], { environment })
  })
}

function unpacked(recipe: FromUnpacked, say: Say): Promise<void> {
  const folder = unpackedFolder(recipe.packages)
  return once(`unpacked-${recipe.packages.join('+')}`, folder, say, () => unpack(recipe, say))
}

function root(say: Say): Promise<void> {
  return once('debian-root', debianRoot(), say, () => makeDebianRoot(say))
}

async function database(say: Say): Promise<void> {
  await once('trivy-db', await databaseFolder(), say, () => makeDatabase(say))
}

async function builderImage(say: Say): Promise<void> {
  await root(say)
  await once('builder-image', builderImageFolder(), say, () => makeBuilderImage(say))
}

/** Another process may have made it while this one waited for its turn. */
function once(name: string, result: string, say: Say, make: () => Promise<void>): Promise<void> {
  return oneAtATime(name, say, async () => {
    if (!(await exists(result))) {
      await make()
    }
  })
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
