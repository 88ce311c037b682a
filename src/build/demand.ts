import { normalPlatform } from '../image/platform.ts'
import type { BuildRequest } from '../plan/request.ts'
import { expand, type Values } from './expand.ts'
import { type Dockerfile, findName, findStage } from './stages.ts'

/** An image that a build asks a registry for, for one platform. */
export type Demand = { readonly text: string; readonly platform: string }

export type Unclear = { readonly why: string }

/** What of a build decides which images it asks for. */
export type Asking = Pick<BuildRequest, 'target' | 'platforms' | 'buildArgs'>

/**
 * Follows a Dockerfile from its target down to the images that it starts from, once for each platform, because
 * `FROM base-$TARGETARCH` may name another image for each. The same rules as BuildKit's `dockerfile2llb/convert.go`.
 */
export function demandedImages(file: Dockerfile, build: Asking, host: string): readonly Demand[] | Unclear {
  const said = new Map(build.buildArgs.map(splitArgument))
  const platforms = build.platforms.length === 0 ? [host] : build.platforms
  const demands: Demand[] = []
  for (const target of new Set(platforms.map(normalPlatform))) {
    const values = globalValues(
      file,
      new Map([...platformValues('BUILD', host), ...platformValues('TARGET', target)]),
      said,
    )
    const found =
      values === undefined ? unclear('a default of an ARG') : followTarget(file, build.target, { values, target })
    if ('why' in found) return found
    demands.push(...found)
  }
  const syntax = said.get('BUILDKIT_SYNTAX') ?? file.syntax
  return syntax === undefined ? demands : [{ text: syntax, platform: normalPlatform(host) }, ...demands]
}

function splitArgument(argument: string): [string, string] {
  const equals = argument.indexOf('=')
  return equals < 0 ? [argument, ''] : [argument.slice(0, equals), argument.slice(equals + 1)]
}

/** BuildKit's own arguments in the global scope (docs.docker.com, "Automatic platform ARGs in the global scope"). */
function platformValues(prefix: 'BUILD' | 'TARGET', platform: string): [string, string][] {
  const [os = '', architecture = '', variant = ''] = platform.split('/')
  return [
    [`${prefix}PLATFORM`, platform],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant],
  ]
}

/** What a `FROM` sees; `undefined` when a default cannot be followed. */
function globalValues(file: Dockerfile, own: Values, said: Values): Values | undefined {
  const values = new Map([...own].map(([name, value]) => [name, said.get(name) ?? value]))
  for (const global of file.globals) {
    const [name, written] = splitArgument(global)
    const fallback = global.includes('=') ? expand(written, values, file.escape) : (values.get(name) ?? '')
    const value = said.get(name) ?? fallback
    if (value === undefined) return undefined
    // `ARG X` alone leaves X unset, which `${X-word}` can tell from empty.
    if (global.includes('=') || said.has(name)) values.set(name, value)
  }
  return values
}

type Scope = { readonly values: Values; readonly target: string }

function followTarget(file: Dockerfile, target: string, scope: Scope): readonly Demand[] | Unclear {
  const first = target === '' ? file.stages.length - 1 : findStage(file.stages, target)
  if (first === undefined) return { why: 'the Dockerfile has no stage of the name in `target`' }
  const demands: Demand[] = []
  const open = [first]
  const seen = new Set(open)
  for (const index of open) {
    const needs = stageNeeds(file, index, scope)
    if ('why' in needs) return needs
    demands.push(...needs.images)
    for (const stage of needs.stages.filter((stage) => !seen.has(stage))) {
      seen.add(stage)
      open.push(stage)
    }
  }
  return demands
}

type Needs = { readonly images: readonly Demand[]; readonly stages: readonly number[] }

function stageNeeds(file: Dockerfile, index: number, scope: Scope): Needs | Unclear {
  const stage = file.stages[index]
  const base = expand(stage?.base ?? '', scope.values, file.escape)
  const platform = expand(stage?.platform ?? '', scope.values, file.escape)
  if (stage === undefined || base === undefined || platform === undefined) return unclear('a FROM')
  // A stage's base is a stage above it; a `COPY --from` may name any, by number too.
  const above = findName(file.stages.slice(0, index), base)
  const sources = stage.sources.map((text) => ({ text, stage: findStage(file.stages, text), platform: scope.target }))
  const all = [
    { text: base, stage: above, platform: platform === '' ? scope.target : normalPlatform(platform) },
    ...sources,
  ]
  return {
    images: all.filter((need) => need.stage === undefined && need.text !== 'scratch'),
    stages: all.flatMap((need) => need.stage ?? []),
  }
}

function unclear(what: string): Unclear {
  return { why: `${what} in the Dockerfile uses what cannot be followed before the build` }
}
