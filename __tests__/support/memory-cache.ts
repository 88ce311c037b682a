import { readFile, writeFile } from 'node:fs/promises'
import type { Cache } from '../../src/edges.ts'
import { sha256Of } from './trivy-archive.ts'

/** A cache in memory: its entries, oldest first, and what was asked of it. */
export type MemoryCache = Cache & {
  readonly entries: Map<string, Uint8Array>
  readonly log: string[]
}

export function memoryCache(): MemoryCache {
  const entries = new Map<string, Uint8Array>()
  const log: string[] = []
  return {
    entries,
    log,
    async restore({ prefixes, path, limit }) {
      log.push('restore')
      const keys = [...entries.keys()].reverse()
      const key = prefixes.flatMap((prefix) => keys.find((candidate) => candidate.startsWith(prefix)) ?? [])[0]
      const bytes = key === undefined ? undefined : entries.get(key)
      if (key === undefined || bytes === undefined || bytes.length > limit) return undefined
      await writeFile(path, bytes)
      return { key, sha256: sha256Of(bytes), size: bytes.length }
    },
    async save({ key, path }) {
      log.push(`save ${key}`)
      if (entries.has(key)) return false
      entries.set(key, await readFile(path))
      return true
    },
  }
}
