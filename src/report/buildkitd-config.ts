import { isLoopback, parseReference } from '../image/reference.ts'
import type { MirroredImage } from './mirror-report.ts'

/**
 * A `buildkitd.toml` with which a builder takes images from where they were mirrored to (BuildKit docs, "buildkitd.toml",
 * `registry.mirrors`); empty when there is nothing that it could use: BuildKit asks a mirror for the path that the image
 * has at home, below an optional prefix, so a target under another name is of no use to it.
 */
export function buildkitdConfigOf(images: readonly MirroredImage[]): string {
  const mirrors = new Map<string, Set<string>>()
  for (const image of images.filter(isThere)) {
    const mirror = mirrorOf(image)
    if (mirror === undefined) continue
    const known = mirrors.get(mirror.of) ?? new Set()
    mirrors.set(mirror.of, known.add(mirror.place))
  }
  const tables = [...mirrors].map(
    ([registry, places]) => `[registry.${quote(registry)}]\n  mirrors = [${[...places].map(quote).join(', ')}]\n`,
  )
  const hosts = new Set(
    [...mirrors.values()].flatMap((places) => [...places].map((place) => place.split('/')[0] ?? '')),
  )
  const plain = [...hosts].filter(isLoopback).map((host) => `[registry.${quote(host)}]\n  http = true\n`)
  return [...tables, ...plain].join('\n')
}

/** What is only planned shows what it showed before; what failed shows nobody knows what. */
function isThere({ outcome, target, before, digest }: MirroredImage): boolean {
  if (target === '' || outcome === 'failed') return false
  return (outcome === 'planned' ? before : digest) !== null
}

function mirrorOf({ source, target }: MirroredImage): { readonly of: string; readonly place: string } | undefined {
  const [from, to] = [parseReference(source), parseReference(target)]
  if (to.path === from.path) return { of: from.registry, place: to.registry }
  if (!to.path.endsWith(`/${from.path}`)) return undefined
  return { of: from.registry, place: `${to.registry}/${to.path.slice(0, -from.path.length - 1)}` }
}

/** Names of registries and repositories have no character that TOML would read. */
function quote(name: string): string {
  return `"${name}"`
}
