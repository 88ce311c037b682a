import { mkdir, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { exists, onPath } from './command.ts'
import { canMakeDebianRoot, debianRoot, inDebianRoot } from './debian-root.ts'
import { locate, requirePart } from './locate.ts'
import { askEngine, runningEngine } from './running-engine.ts'
import { openFolder, ownFolder, type Running, supervise, untilReady } from './supervised.ts'
import { WATCHED } from './watched.ts'

export type EngineKind = 'containerd' | 'graph'

export type StartedEngine = {
  /** For DOCKER_HOST. */
  readonly host: string
  readonly containerdStore: boolean
  /** A folder with the docker client alone, to put first on PATH. */
  readonly path: string
  /** DOCKER_HOST, and a DOCKER_CONFIG of its own in which the client finds Buildx. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** An engine of that kind: the running one if it is, else a private one that lives until stop or until this process ends. */
export async function startEngine(kind: EngineKind): Promise<StartedEngine> {
  const buildx = await requirePart('buildx')
  const running = await runningEngine()
  return running?.containerdStore === (kind === 'containerd')
    ? useRunning(running.host, kind, buildx)
    : start(kind, buildx)
}

async function useRunning(host: string, kind: EngineKind, buildx: string): Promise<StartedEngine> {
  const { folder } = await openFolder('client')
  await ownFolder(folder)
  const stop = () => rm(folder, { recursive: true, force: true })
  return described(host, kind, folder, { client: await client(), buildx, stop })
}

async function start(kind: EngineKind, buildx: string): Promise<StartedEngine> {
  await refuseWhereImpossible(kind)
  const { folder, id } = await openFolder(`engine-${kind}`, clean)
  await mkdir(path.join(folder, 'data'))
  const socket = path.join(folder, 'docker.sock')
  if (socket.length > LONGEST_SOCKET) {
    throw new Error(
      `The engine's socket would be ${socket}, which is longer than the ${LONGEST_SOCKET} characters that the system ` +
        'takes. Set LADING_PARTS to a shorter folder.',
    )
  }
  const running = await supervise({ folder, command: insideNamespaces(kind, folder, id) })
  const host = `unix://${socket}`
  await untilReady(running, `the engine (${kind})`, () => answers(running, host))
  const found = { client: inDebianRoot('usr/bin/docker'), buildx, stop: () => running.stop() }
  return described(host, kind, folder, found)
}

async function refuseWhereImpossible(kind: EngineKind): Promise<void> {
  const name = kind === 'containerd' ? 'engine' : 'engine-graph'
  const located = await locate(name)
  if (!located.found) {
    throw new Error(`No engine to start: ${located.why}. ${located.remedy}`)
  }
  if (!canMakeDebianRoot()) {
    throw new Error('An engine of our own needs mount namespaces. Run as root on Linux, or start an engine yourself.')
  }
}

async function answers(running: Running, host: string): Promise<boolean> {
  return !(await running.ended()) && (await askEngine(host)) !== undefined
}

type Found = { readonly client: string; readonly buildx: string; readonly stop: () => Promise<void> }

async function described(host: string, kind: EngineKind, folder: string, found: Found): Promise<StartedEngine> {
  const commands = path.join(folder, 'bin')
  const settings = path.join(folder, 'config')
  await mkdir(commands)
  await mkdir(path.join(settings, 'cli-plugins'), { recursive: true })
  await symlink(found.client, path.join(commands, 'docker'))
  await symlink(found.buildx, path.join(settings, 'cli-plugins', 'docker-buildx'))
  const env = { DOCKER_HOST: host, DOCKER_CONFIG: settings }
  return { host, containerdStore: kind === 'containerd', path: commands, env, stop: found.stop }
}

async function client(): Promise<string> {
  const own = inDebianRoot('usr/bin/docker')
  const found = (await onPath('docker')) ?? ((await exists(own)) ? own : undefined)
  if (found === undefined) {
    throw new Error('An engine is running, but there is no docker client on PATH. Install the docker command line.')
  }
  return found
}

/** The kernel's limit is 108 with the zero at the end. */
const LONGEST_SOCKET = 107

/**
 * A process namespace so that nothing outlives the engine, a mount namespace so that no mount is left behind. The network
 * is the machine's: the engine has to reach registries on 127.0.0.1.
 */
function insideNamespaces(kind: EngineKind, folder: string, id: string): readonly string[] {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private']
  const store = kind === 'containerd' ? 'true' : 'false'
  return ['unshare', ...namespaces, 'sh', '-c', ENTER, 'sh', WATCHED, debianRoot(), folder, id, store]
}

/**
 * Makes the Debian root the only root that the engine knows (a chroot would do for the engine, but what it executes in a
 * container would land in the machine's root), with the part's folder as its data and the rest read-only. Its bridge is
 * its own and its firewall rules are off: neither another engine nor the machine's network is touched.
 */
const ENTER = `
set -eu
watched=$1 root=$2 folder=$3 id=$4 store=$5
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir "$root/run/engine" "$root/run/old"
mount --bind "$folder" "$root/run/engine"
mount --bind "$folder/data" "$root/var/lib/docker"
mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
mount --bind /etc/hosts "$root/etc/hosts"
mount -o remount,ro,bind "$root"
cd "$root"
pivot_root . run/old
umount -l /run/old
# The last one keeps the engine from AppArmor, whose profiles it could only load with tools that are not in here.
export TMPDIR=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp container=docker
bridge=none
if ip link add "lading-$id" type bridge; then
  ip address add "10.213.$(printf %d "0x$(printf %.2s "$id")").1/24" dev "lading-$id"
  ip link set "lading-$id" up
  bridge=lading-$id
fi
printf '{"features":{"containerd-snapshotter":%s}}' "$store" >/run/daemon.json
exec sh -c "$watched" sh dockerd --config-file /run/daemon.json --host unix:///run/engine/docker.sock \\
  --pidfile /run/docker.pid --cgroup-parent "/lading-$id" --bridge "$bridge" \\
  --iptables=false --ip6tables=false --ip-forward=false
`

/** What an engine leaves outside of its namespaces: its bridge, and control groups, which go away only when they are empty. */
function clean(id: string): string {
  return `
exec 2>/dev/null
for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
  find "$group/lading-${id}" "$group/docker/buildx" -depth -type d -exec rmdir {} \\;
  rmdir "$group/docker"
done
chroot '${debianRoot()}' ip link delete 'lading-${id}'
`
}
