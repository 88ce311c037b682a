import type { Cache } from '../edges.ts'

/** The cache of a run that has none. */
export const NO_CACHE: Cache = { restore: async () => undefined, save: async () => false }
