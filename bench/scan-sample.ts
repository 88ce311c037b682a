import { createHash } from 'node:crypto'
import { alpine } from '../__tests__/scan/samples.ts'
import type { SampleLayer, SamplePlatform } from '../__tests__/support/sample-layout.ts'

const ARCHITECTURES = ['amd64', 'arm64', 'ppc64le', 's390x'] as const
const MEGABYTE = 1_000_000
const TEXT_SIZE = 125_000
/** Text and numbers as in sources. Below `usr/lib` Trivy would not search them for secrets (its builtin-allow-rules.go). */
const WORDS = 'const value await read(path, { encoding, limit: 4096 }) // the answer of 127 hosts in 31 days'
const LINES = Array.from({ length: 256 }, (_, from) => line(WORDS.split(' '), from))

/**
 * Images for one to four architectures: 60 MB of an application's files in a layer that they share, and 10 MB in a
 * layer of their own, each two thirds text and one third binary. Nothing is to be found. `share` makes them smaller.
 */
export function scanSample(platforms: number, share: number): readonly SamplePlatform[] {
  const system = { files: { ...alpine({ musl: '1.1.22-r3' }).files, ...files('srv', 60 * MEGABYTE * share) } }
  return ARCHITECTURES.slice(0, platforms).map((architecture) => ({
    platform: `linux/${architecture}`,
    layers: [system, application(architecture, share)],
  }))
}

function application(architecture: string, share: number): SampleLayer {
  return { files: files(`app-${architecture}`, 10 * MEGABYTE * share) }
}

function files(name: string, size: number): Record<string, string | Uint8Array> {
  const texts = Math.max(1, Math.round((size * 2) / 3 / TEXT_SIZE))
  const pages = Array.from({ length: texts }, (_, at) => [`${name}/lib/${at}.js`, text(`${name} ${at}`)] as const)
  return { ...Object.fromEntries(pages), [`${name}/bin/program`]: noise(name, Math.round(size / 3)) }
}

function text(seed: string): string {
  const lines = Array.from(noise(seed, TEXT_SIZE / 32), (byte, at) => `${LINES[byte]} ${at * byte}`)
  return lines.join('\n').slice(0, TEXT_SIZE)
}

function line(words: readonly string[], from: number): string {
  return words.map((_, at) => words[(from * (at + 1)) % words.length]).join(' ')
}

/** Bytes without an order, the same for the same seed. */
function noise(seed: string, size: number): Buffer {
  const pieces = Array.from({ length: Math.ceil(size / 64) }, (_, at) =>
    createHash('sha512').update(`${seed} ${at}`).digest(),
  )
  return Buffer.concat(pieces).subarray(0, Math.floor(size))
}
