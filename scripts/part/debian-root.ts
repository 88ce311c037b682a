import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import semver from 'semver'
import { exists, isRoot, mustRun, onPath, run } from './command.ts'
import { partsFolder, place, type Say } from './folder.ts'
import { DEBIAN_EXPECTED, DEBIAN_PACKAGES, DEBIAN_ROOT_EDITION, DEBIAN_SUITE } from './table.ts'
import { watched } from './watched.ts'

/** A folder with a small Debian in it: the engine runs inside, single tools run from outside as well. */
export function debianRoot(): string {
  return path.join(partsFolder(), `debian-${DEBIAN_ROOT_EDITION}`)
}

export function inDebianRoot(file: string): string {
  return path.join(debianRoot(), file)
}

/** Making a root changes mounts and may install a package, which only root does, and only on Linux. */
export function canMakeDebianRoot(): boolean {
  return process.platform === 'linux' && isRoot()
}

export async function makeDebianRoot(say: Say): Promise<void> {
  const tool = await debootstrap(say)
  const mirror = await ownMirror()
  say(`  unpacking Debian ${DEBIAN_SUITE} with ${DEBIAN_PACKAGES.join(', ')}; takes about 70 seconds`)
  await place(debianRoot(), async (unfinished) => {
    const packages = `--include=${DEBIAN_PACKAGES.join(',')}`
    const unpacking = watched([tool, '--variant=minbase', packages, DEBIAN_SUITE, unfinished, ...mirror])
    // In namespaces of its own: what it mounts and starts is gone when it ends, and also when this process is killed.
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
    await mustRun('unpack a Debian root', 'unshare', [...namespaces, ...unpacking], { input: 'open' })
    await complainAboutVersions(unfinished)
    await makeMountPoints(unfinished)
    await rm(path.join(unfinished, 'var/cache/apt'), { recursive: true, force: true })
    await rm(path.join(unfinished, 'var/lib/apt/lists'), { recursive: true, force: true })
  })
}

async function debootstrap(say: Say): Promise<string> {
  const present = (await onPath('debootstrap')) ?? '/usr/sbin/debootstrap'
  if (await exists(present)) {
    return present
  }
  if ((await onPath('apt-get')) === undefined) {
    throw new Error(
      'No debootstrap, and no apt-get to install it with, so no Debian root can be made. Install debootstrap.',
    )
  }
  say('  installing the packages debootstrap and debian-archive-keyring')
  const environment = { DEBIAN_FRONTEND: 'noninteractive' }
  await mustRun('refresh the list of packages', 'apt-get', ['update'], { environment })
  const args = ['install', '-y', '--no-install-recommends', 'debootstrap', 'debian-archive-keyring']
  await mustRun('install debootstrap', 'apt-get', args, { environment })
  return '/usr/sbin/debootstrap'
}

/** A Debian machine gets the root from where it gets its own packages; any other from where debootstrap looks by itself. */
async function ownMirror(): Promise<readonly string[]> {
  const filter = ['Origin: Debian', 'Label: Debian', 'Created-By: Packages']
  const listed = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)', ...filter])
  const first = listed.stdout.split('\n').find((line) => /^(https?|file):/.test(line))
  return listed.code === 0 && first !== undefined ? [first] : []
}

async function complainAboutVersions(root: string): Promise<void> {
  for (const { package: name, accepts } of DEBIAN_EXPECTED) {
    const shown = await mustRun(`ask for the version of ${name}`, 'chroot', [root, 'dpkg-query', '--show', name])
    const version = shown.trim().slice(name.length + 1)
    const plain = semver.coerce(version)
    if (plain === null || !semver.satisfies(plain, accepts)) {
      throw new Error(
        `Debian ${DEBIAN_SUITE} now has ${name} ${version}, and ${accepts} was expected. ` +
          'See whether the tests hold with it, then widen DEBIAN_EXPECTED.',
      )
    }
  }
}

/** The engine sees the root read-only: what is mounted over has to be there already. */
async function makeMountPoints(root: string): Promise<void> {
  await mkdir(path.join(root, 'var/lib/docker'), { recursive: true })
  for (const file of ['etc/resolv.conf', 'etc/hosts']) {
    await writeFile(path.join(root, file), '', { flag: 'a' })
  }
}
