import { LadingError } from '../error.ts'
import { DOCKER_HUB, parseRepository } from '../image/reference.ts'

/** A registry, and a path prefix within it (empty: all of it). */
export type RegistryName = { readonly registry: string; readonly prefix: string }

const HUB = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])

/**
 * Reads `ghcr.io`, `ghcr.io/acme`, `localhost:5000`, and the ways in which docker's own tools write a registry:
 * with `https://`, with `/v1/` or `/v2/` at the end. `undefined`: this names no registry.
 */
export function parseRegistry(text: string): RegistryName | undefined {
  const bare = text
    .trim()
    .replace(/^https:\/\//i, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '')
  const slash = bare.indexOf('/')
  const host = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase()
  const prefix = slash < 0 ? '' : bare.slice(slash + 1).toLowerCase()
  const registry = HUB.has(host) ? DOCKER_HUB : host
  return isRepository(registry, prefix === '' ? 'a/a' : `${prefix}/a`) ? { registry, prefix } : undefined
}

function isRepository(registry: string, path: string): boolean {
  try {
    // What is no host would be taken for the first part of a name on Docker Hub.
    return parseRepository(`${registry}/${path}`).registry === registry
  } catch (thrown) {
    if (thrown instanceof LadingError) return false
    throw thrown
  }
}
