import { createCipheriv } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type SampleLayer, writeSampleLayout } from '../../__tests__/support/sample-layout.ts'

/** The two images of the demonstration; the vulnerable one is so in its second platform only. */
export type SampleName = 'good' | 'vulnerable'

export const PLATFORMS = ['linux/amd64', 'linux/arm64'] as const

/** Writes an image into `folder` as a finished OCI layout. */
export async function writeLayout(folder: string, name: SampleName): Promise<void> {
  const platforms = PLATFORMS.map((platform) => ({
    platform,
    layers: [{ files: SHARED }, { files: systemOf(name, platform) }, { files: programOf(platform) }],
    cmd: ['/app/server'],
  }))
  await writeSampleLayout(folder, { platforms })
}

/** Writes the same files into `folder` as a build context that needs no base image. */
export async function writeContext(folder: string, name: SampleName): Promise<void> {
  await writeFiles(join(folder, 'shared'), SHARED)
  for (const platform of PLATFORMS) {
    const architecture = platform.slice(platform.indexOf('/') + 1)
    await writeFiles(join(folder, architecture, 'system'), systemOf(name, platform))
    await writeFiles(join(folder, architecture, 'program'), programOf(platform))
  }
  await writeFile(join(folder, 'Dockerfile'), DOCKERFILE)
}

type Files = SampleLayer['files']
type SamplePlatform = (typeof PLATFORMS)[number]

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY shared /
COPY \${TARGETARCH}/system /
COPY \${TARGETARCH}/program /
CMD ["/app/server"]
`

// In both platforms the same, so that it travels once.
const SHARED: Files = { 'usr/share/data.bin': noise('shared', 3_000_000) }

function programOf(platform: SamplePlatform): Files {
  return { 'app/server': noise(platform, 1_000_000) }
}

/** CVE-2019-14697 is in musl 1.1.19-r2 of Alpine 3.10 and fixed in 1.1.22-r3. */
function systemOf(name: SampleName, platform: SamplePlatform): Files {
  const musl = name === 'vulnerable' && platform === 'linux/arm64' ? '1.1.19-r2' : '1.1.22-r3'
  return {
    'etc/os-release': 'ID=alpine\nVERSION_ID=3.10.2\n',
    'etc/alpine-release': '3.10.2\n',
    'lib/apk/db/installed': `P:musl\nV:${musl}\nA:x86_64\nL:MIT\no:musl\n\n`,
  }
}

/** Bytes that do not compress and are the same in every run. */
function noise(seed: string, length: number): Buffer {
  const cipher = createCipheriv('aes-256-ctr', seed.padEnd(32, '.'), Buffer.alloc(16))
  return cipher.update(Buffer.alloc(length))
}

async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
}
