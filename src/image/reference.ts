import { LadingError } from '../error.ts'
import { type Digest, tryParseDigest } from './digest.ts'

/** Where images of one name live: `registry` is a host with an optional port, `path` the name within it. */
export type Repository = { readonly registry: string; readonly path: string }
/** A tag moves. */
export type TagReference = Repository & { readonly tag: string }
/** A digest does not. */
export type DigestReference = Repository & { readonly digest: Digest }
export type Reference = TagReference | DigestReference

export const DOCKER_HUB = 'docker.io'

// The grammar of the distribution spec ("Pulling manifests") with the host part of distribution/reference.
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const LONGEST_NAME = 255

/**
 * Reads a repository as Docker does: `acme/api` is Docker Hub's, `alpine` is `docker.io/library/alpine`.
 * Throws `REFERENCE_INVALID` naming the part that is wrong.
 */
export function parseRepository(text: string): Repository {
  const slash = text.indexOf('/')
  const first = slash < 0 ? '' : text.slice(0, slash)
  if (!isHost(first)) return repositoryOf(DOCKER_HUB, text.includes('/') ? text : `library/${text}`, text)
  const registry = first === 'index.docker.io' || first === 'registry-1.docker.io' ? DOCKER_HUB : first.toLowerCase()
  const path = text.slice(slash + 1)
  const implied = registry === DOCKER_HUB && !path.includes('/')
  return repositoryOf(registry, implied ? `library/${path}` : path, text)
}

/**
 * Reads `repository:tag`, `repository@digest`, or `repository:tag@digest` (the digest wins, as everywhere).
 * `undefined` tag and digest mean `latest`, as for Docker.
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@')
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const repository = parseRepository(colon < 0 ? named : named.slice(0, colon))
  const tag = colon < 0 ? undefined : checkTag(named.slice(colon + 1))
  if (at < 0) return { ...repository, tag: tag ?? 'latest' }
  const digest = tryParseDigest(text.slice(at + 1))
  if (digest === undefined) throw invalid(text, 'what follows the @ is not a digest')
  return { ...repository, digest }
}

/** A tag, when the text is one (distribution spec: at most 128 characters of a-z, A-Z, 0-9, `.`, `_`, `-`). */
export function checkTag(text: string): string {
  if (isTag(text)) return text
  throw invalid(
    text,
    'a tag has at most 128 letters, digits, dots, dashes and underscores, and starts with none of . -',
  )
}

/** Whether the text could be a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text)
}

/** Whether the text could be the path of a repository within its registry. */
export function isPath(text: string): boolean {
  return text.length <= LONGEST_NAME && text.split('/').every((component) => COMPONENT.test(component))
}

/** `registry/path`, always with its registry. */
export function formatRepository(repository: Repository): string {
  return `${repository.registry}/${repository.path}`
}

/** `registry/path:tag` or `registry/path@digest`. */
export function formatReference(reference: Reference): string {
  const end = 'tag' in reference ? `:${reference.tag}` : `@${reference.digest}`
  return `${formatRepository(reference)}${end}`
}

/** The reference of a tag in a repository. */
export function tagged(repository: Repository, tag: string): TagReference {
  return { registry: repository.registry, path: repository.path, tag }
}

/**
 * Whether a registry is on this machine. Such a one speaks plain http without being told, as for Docker.
 */
export function isLoopback(registry: string): boolean {
  const host = registry.startsWith('[') ? registry.slice(1, registry.indexOf(']')) : registry.replace(/:\d+$/, '')
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function isHost(text: string): boolean {
  return HOST.test(text) && (text.includes('.') || text.includes(':') || text === 'localhost')
}

function repositoryOf(registry: string, path: string, text: string): Repository {
  if (path === '') throw invalid(text, 'the name of the repository is missing')
  if (registry.length + path.length + 1 > LONGEST_NAME)
    throw invalid(text, `it is longer than ${LONGEST_NAME} characters`)
  const wrong = path.split('/').find((component) => !COMPONENT.test(component))
  if (wrong !== undefined) throw invalid(text, `“${wrong}” is not a valid part of a repository's name`)
  return { registry, path }
}

function invalid(text: string, why: string): LadingError {
  return new LadingError('REFERENCE_INVALID', `“${text.slice(0, 300)}” is not an image reference: ${why}`)
}
