import type { Line } from './line.ts'

/** What a rule gives, before prefix and suffix are put around it. */
export type Given = {
  readonly value: string
  readonly kind: 'fixed' | 'moving'
  readonly line: Line
  /** whether `latest=auto` adds `latest` when this is the first name */
  readonly latest: boolean
  /** stays when a name is too long and cut: `-90dd603` */
  readonly end?: string
  /** stands instead of the flavor's prefix */
  readonly ownPrefix?: string
  /** the version that the name was made from, without `v` */
  readonly release?: string
}

/** A name, or why there is none; in both cases with what people should hear. */
export type Result = ({ readonly given: Given } | { readonly why: string }) & { readonly warnings: readonly string[] }

export function gives(given: Given, warnings: readonly string[] = []): Result {
  return { given, warnings }
}

/** A rule that is not for this run. */
export function nothing(why: string): Result {
  return { why, warnings: [] }
}

/** A rule that is for this run and fails. */
export function nothingAloud(why: string, warnings: readonly string[] = []): Result {
  return { why, warnings: [...warnings, why] }
}

/** The line of a name that the rule says nothing about: `latest`, `1` and `1.2` are names of releases. */
export function lineOfName(name: string): Line {
  return name === 'latest' || /^v?\d+(?:\.\d+)?$/.test(name) ? 'release' : 'other'
}
