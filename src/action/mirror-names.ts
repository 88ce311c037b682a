import { LadingError } from '../error.ts'
import {
  formatReference,
  formatRepository,
  parseReference,
  parseRepository,
  type Reference,
  type Repository,
  type TagReference,
} from '../image/reference.ts'
import type { MirrorEntry, Namespace } from '../plan/mirror-request.ts'
import { quoted } from './quoted.ts'
import { parseRegistry } from './registry-name.ts'

/** A name, or why a text is none. */
export type Named<T> = T | { readonly why: string }

/** An image: a repository with a tag or digest; without either it is `latest`, as everywhere. */
export function imageNamed(text: string): Named<Reference> {
  return foreign(text) ?? attempt(() => parseReference(text))
}

/** An image that is written: it has a tag, since a digest comes from what is copied. */
export function targetNamed(text: string): Named<TagReference> {
  const found = imageNamed(text)
  if ('why' in found || !('digest' in found)) return found
  return { why: `${quoted(text)} has a digest; a target has a tag, and its digest comes from what is copied` }
}

/** A whole repository. */
export function repositoryNamed(text: string): Named<Repository> {
  const parts = splitName(text)
  if (parts.tag !== undefined || parts.digest !== undefined) {
    return { why: `${quoted(text)} is an image; here belongs a repository, without tag and digest` }
  }
  return foreign(text) ?? attempt(() => parseRepository(text))
}

/** A whole registry. */
export function registryNamed(text: string): Named<string> {
  const found = namespaceNamed(text)
  if ('why' in found || found.prefix === '') return 'why' in found ? found : found.registry
  return { why: `${quoted(text)} has a path; a registry is a host such as ghcr.io` }
}

/** A registry, or what the names in it begin with. */
export function namespaceNamed(text: string): Named<Namespace> {
  return (
    foreign(text) ?? parseRegistry(text) ?? { why: `${quoted(text)} is not a registry such as ghcr.io or ghcr.io/acme` }
  )
}

/** The parts of a name as it is written; none of them is checked. */
export function splitName(text: string): { readonly name: string; readonly tag?: string; readonly digest?: string } {
  const at = text.indexOf('@')
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  return {
    name: colon < 0 ? named : named.slice(0, colon),
    ...(colon < 0 ? {} : { tag: named.slice(colon + 1) }),
    ...(at < 0 ? {} : { digest: text.slice(at + 1) }),
  }
}

export type Clash = { readonly entry: MirrorEntry; readonly text: string; readonly harmless: boolean }

/**
 * Entries that cannot be meant: what is copied onto itself, and targets that two entries write. Of those the last one
 * would win, and the next run copy both again. Repositories are told apart by their tags, which only their lists tell.
 */
export function clashesOf(entries: readonly MirrorEntry[]): readonly Clash[] {
  const written = new Map<string, MirrorEntry>()
  return entries.flatMap((entry) => {
    const source = sourceName(entry)
    return targetNames(entry).flatMap((target) => {
      if (target === source) return [{ entry, text: `${target} is copied onto itself`, harmless: false }]
      const first = entry.kind === 'image' ? written.get(target) : undefined
      written.set(target, first ?? entry)
      return first === undefined ? [] : [twice(entry, target, first)]
    })
  })
}

function twice(entry: MirrorEntry, target: string, first: MirrorEntry): Clash {
  const { file, line } = first.origin
  const text = `${target} is written by two entries, first in ${file}, line ${line}`
  const harmless = sourceName(first) === sourceName(entry)
  return { entry, text: harmless ? text : `${text}, from another source`, harmless }
}

function sourceName(entry: MirrorEntry): string {
  if (entry.kind === 'image') return formatReference(entry.source)
  return entry.kind === 'repository' ? formatRepository(entry.source) : entry.source
}

function targetNames(entry: MirrorEntry): readonly string[] {
  if (entry.kind === 'image') return entry.targets.map(formatReference)
  if (entry.kind === 'repository') return entry.targets.map(formatRepository)
  return entry.targets.map(({ registry, prefix }) => (prefix === '' ? registry : `${registry}/${prefix}`))
}

function foreign(text: string): { readonly why: string } | undefined {
  if (text === '') return { why: 'a name is missing' }
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]
  if (scheme === undefined) return undefined
  if (/^oci(?:dir|file)$/i.test(scheme))
    return { why: `${quoted(text)} is a folder; images are copied between registries only` }
  return { why: `${quoted(text)} is a URL; leave the scheme away` }
}

function attempt<T>(read: () => T): Named<T> {
  try {
    return read()
  } catch (thrown) {
    if (!(thrown instanceof LadingError)) throw thrown
    return { why: thrown.message }
  }
}
