import { isAbsolute, relative, sep } from 'node:path'
import { type Digest, digestOf } from '../image/digest.ts'
import { normalPlatform } from '../image/platform.ts'
import type { BuildRequest } from '../plan/request.ts'

/** Where the build was asked for: what is the same request on another machine must have the same hash. */
export type RequestPlace = {
  /** paths are told from here */
  readonly workspace: string
  /** the platform of the machine, for a build that names none */
  readonly machine: string
}

/** Another form of the text below would make every image look like one of another request. */
const FORM = 1

/**
 * The hash of what a build was asked for: file, target, platforms, build arguments, contexts. What lies in the files is
 * the commit's affair, and secrets and logins change nothing that is built.
 */
export function requestHash(build: BuildRequest, place: RequestPlace): Digest {
  return digestOf(Buffer.from(canonical(build, place)))
}

/** JSON without spaces, with keys and lists sorted: only what can make another image changes it. */
function canonical(build: BuildRequest, { workspace, machine }: RequestPlace): string {
  const platforms = build.platforms.length === 0 ? [machine] : build.platforms
  return JSON.stringify({
    arguments: sortedPairs(valuesOf(build.buildArgs)),
    contexts: [['', told(build.context, workspace)]],
    file: told(build.file, workspace),
    form: FORM,
    platforms: [...new Set(platforms.map(normalPlatform))].toSorted(),
    target: build.target,
  })
}

/**
 * As buildx reads build arguments: each name has one value, that of its last line, so that their order says nothing else.
 * A name alone takes its value from buildx's environment, which is not told here.
 */
function valuesOf(buildArgs: readonly string[]): ReadonlyMap<string, string | null> {
  return new Map(
    buildArgs.map((argument) => {
      const equals = argument.indexOf('=')
      return equals < 0 ? [argument, null] : [argument.slice(0, equals), argument.slice(equals + 1)]
    }),
  )
}

function sortedPairs<T>(values: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...values].toSorted(([one], [other]) => (one < other ? -1 : 1))
}

/** Folders as they lie in the workspace, URLs without the login that may stand in them. */
function told(path: string, workspace: string): string {
  if (isAbsolute(path)) return relative(workspace, path).split(sep).join('/')
  return path.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1')
}
