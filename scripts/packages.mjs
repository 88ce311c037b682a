// Installs the packages of the lock file when they are missing or not the ones it names.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Throws when the installation fails. */
export function installPackages(root) {
  if (isInstalled(root)) return
  console.log('Installing the packages of package-lock.json')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0)
    throw new Error(
      `npm ci ended with ${status}: look at its lines above, and whether the package registry can be reached`,
    )
}

/** npm writes what it installed beside the packages; the lock file says what it should be. */
function isInstalled(root) {
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installed) || !existsSync(join(root, 'node_modules', '.bin', 'node'))) return false
  return versions(installed) === versions(join(root, 'package-lock.json'), true)
}

function versions(file, isWanted = false) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'))
  const present = Object.entries(packages).filter(([path, entry]) => path !== '' && !(isWanted && entry.optional))
  const installed = isWanted ? present : present.filter(([, entry]) => !entry.optional)
  return JSON.stringify(installed.map(([path, { version }]) => [path, version]).sort())
}
