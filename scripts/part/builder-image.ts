import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { mustRun } from './command.ts'
import { inDebianRoot } from './debian-root.ts'
import { partsFolder, place, type Say } from './folder.ts'
import { buildProgram, builtPath } from './go-build.ts'
import { BUILDKIT, BUILDKIT_CLIENT } from './table.ts'

/** An OCI layout with BuildKit in it. Its public image cannot be had everywhere, and tests name this one instead. */
export function builderImageFolder(): string {
  return path.join(partsFolder(), `builder-image-${BUILDKIT.version.slice(1)}`)
}

export async function makeBuilderImage(say: Say): Promise<void> {
  await buildProgram(BUILDKIT, say)
  await buildProgram(BUILDKIT_CLIENT, say)
  say('  packing BuildKit and runc as an OCI layout')
  await place(builderImageFolder(), async (unfinished) => {
    const layer = await packLayer(unfinished)
    await writeLayout(unfinished, layer)
  })
}

/** What BuildKit needs to run a step: itself, its client (which Buildx calls inside the container), runc and its libraries. */
async function packLayer(layout: string): Promise<Descriptor> {
  const tree = path.join(layout, 'tree')
  await mkdir(path.join(tree, 'usr/bin'), { recursive: true })
  await mkdir(path.join(tree, 'tmp'), { mode: 0o1777 })
  await copyFile(builtPath(BUILDKIT), path.join(tree, 'usr/bin/buildkitd'))
  await copyFile(builtPath(BUILDKIT_CLIENT), path.join(tree, 'usr/bin/buildctl'))
  for (const file of ['/usr/bin/runc', CERTIFICATES, ...(await librariesOf('/usr/bin/runc'))]) {
    await copyInto(tree, file)
  }
  const tar = path.join(layout, 'layer.tar')
  const reproducible = ['--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--sort=name']
  await mustRun('pack the builder image', 'tar', [...reproducible, '-C', tree, '-cf', tar, '.'])
  await rm(tree, { recursive: true })
  return keepFile(layout, tar)
}

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

async function librariesOf(file: string): Promise<readonly string[]> {
  const listed = await mustRun(`list the libraries of ${file}`, 'chroot', [inDebianRoot(''), 'ldd', file])
  return [...listed.matchAll(/(\/\S+) \(0x/g)].flatMap(([, library]) => library ?? [])
}

/** Copies a file of the Debian root to the same place, with the link that its name may be resolved. */
async function copyInto(tree: string, file: string): Promise<void> {
  const target = path.join(tree, file)
  await mkdir(path.dirname(target), { recursive: true })
  await copyFile(await realpath(inDebianRoot(file)), target)
}

type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number }

async function keepFile(layout: string, file: string): Promise<Descriptor> {
  const hash = createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
  const { size } = await stat(file)
  await mkdir(path.join(layout, 'blobs/sha256'), { recursive: true })
  await rename(file, path.join(layout, 'blobs/sha256', hash))
  // Not compressed: it only ever travels on this machine.
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${hash}`, size }
}

async function writeLayout(layout: string, layer: Descriptor): Promise<void> {
  const config = await keepJson(layout, 'application/vnd.oci.image.config.v1+json', {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: ['buildkitd'], Env: ['PATH=/usr/bin'], Volumes: { '/var/lib/buildkit': {} } },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const manifest = await keepJson(layout, 'application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: [layer],
  })
  await writeFile(path.join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }))
  await writeFile(path.join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
}

async function keepJson(layout: string, mediaType: string, content: object): Promise<Descriptor> {
  const file = path.join(layout, 'content.json')
  await writeFile(file, JSON.stringify(content))
  return { ...(await keepFile(layout, file)), mediaType }
}
