// `npm run demo`: installs what is missing, then shows the action at work on this machine.
// Runs under the Node that calls it (20 or newer); the demonstration runs under the project's own.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installPackages } from './packages.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const node = join(root, 'node_modules', '.bin', 'node')

installPackages(root)
// Ctrl-C reaches both: the demonstration tidies up, and this process waits for it.
process.on('SIGINT', () => undefined)
const { status } = spawnSync(node, [join(root, 'scripts', 'demo', 'main.ts')], { stdio: 'inherit' })
process.exitCode = status ?? 1
