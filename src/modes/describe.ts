import { requestHash } from '../build/request-hash.ts'
import { shapeOf } from '../build/shape.ts'
import type { Digest } from '../image/digest.ts'
import { sourceOf } from '../plan/occasion.ts'
import type { BuildRequest, BuildWish } from '../plan/request.ts'
import { annotationsOf, requestAnnotations } from '../tags/annotation.ts'
import { compatPairs, type LabelFacts, ownPairs, recordOf, standardPairs } from '../tags/label.ts'
import type { Names } from '../tags/name.ts'
import { factsOf, type Occasion } from '../tags/occasion.ts'
import { expand, type TemplateFacts } from '../tags/template.ts'
import type { Run } from './run.ts'

/** What an image is called, and what its names are made from. */
export type Named = { readonly names: Pick<Names, 'version'>; readonly occasion: Occasion }

/** A build, and what is written into its image. */
export type BuildOrder = {
  readonly build: BuildRequest
  /** of the request, by which a later run knows the image again */
  readonly hash: Digest
  readonly labels: Readonly<Record<string, string>>
  /** by level and key, as buildx reads them */
  readonly annotations: Readonly<Record<string, string>>
}

/** Replaces the expressions of a build and of its labels and annotations, and says what stands in the outputs. */
export async function orderBuild(
  run: Run,
  wish: BuildWish,
  { names: { version }, occasion }: Named,
): Promise<BuildOrder> {
  const { request, environment, edges, facts } = run
  const told = await learn(run, version)
  const known = { ...factsOf(occasion), commitDate: told.created }
  const build = expandedBuild(wish, known)
  const shape = shapeOf(build)
  const standard = standardPairs(told)
  const compat = request.labelsCompat ? compatPairs(told) : []
  const labels = recordOf([...standard, ...compat, ...ownPairs(request.labels, known)])
  const { written, left } = annotationsOf(standard, request.annotations, shape, known)
  if (left.length > 0) edges.reporter.notice(nowhere(left))
  facts.labels = labels
  facts.annotations = written
  const hash = requestHash(expandedBuild(wish, { ...known, ...TIMELESS }), environment)
  return { build, hash, labels, annotations: { ...written, ...requestAnnotations(hash, shape) } }
}

/** A date in a build argument must not make every run another request; which commit it is, an image tells by itself. */
const TIMELESS = { date: new Date(0), commitDate: new Date(0) }

function expandedBuild(wish: BuildWish, known: TemplateFacts): BuildRequest {
  return { ...wish, buildArgs: wish.buildArgs.map((argument) => expand(argument, known)) }
}

/** What the repository and the commit tell: from the event, and from others only what is not in it. */
async function learn({ environment, edges }: Run, version: string): Promise<LabelFacts> {
  const { repository, committed, begun } = environment
  const revision = environment.subject.sha
  // An event that knows the repository names its default branch; one that does not leaves everything else open too.
  const isTold = repository === '' || environment.defaultBranch !== ''
  const [about, asked] = await Promise.all([
    isTold ? undefined : edges.project.history.facts(),
    committed === '' && revision !== '' ? edges.project.history.committed(revision) : undefined,
  ])
  const made = committed === '' ? asked : new Date(committed)
  if (made === undefined) {
    edges.reporter.notice(
      'The date of the commit is not known; `org.opencontainers.image.created` and {{commit_date}} say the time of this run',
    )
  }
  return {
    about: about ?? environment.about,
    source: sourceOf(environment),
    version,
    revision,
    created: made ?? new Date(begun),
  }
}

function nowhere(levels: readonly string[]): string {
  const names = levels.map((level) => `\`${level}:\``).join(' and ')
  return `annotations: this build gives a single manifest, so that nothing stands at ${names}; \`provenance: true\` or a second platform gives an index`
}
