import { readTold } from '../content/told.ts'
import type { Edges, Kinship } from '../edges.ts'
import { LadingError } from '../error.ts'
import type { Descriptor } from '../image/descriptor.ts'
import type { Digest } from '../image/digest.ts'
import { DOCKER_HUB, formatRepository, type Repository } from '../image/reference.ts'
import { isSameCommit } from '../tags/commit.ts'
import type { Answers } from '../tags/forward.ts'
import { SILENT, type Told } from '../tags/live.ts'

/** What decisions about tags want to know of the world. Each thing is asked once, whoever wants to know it. */
export type Inquiry = {
  /** What an image tells of itself; one that is broken or gone tells nothing. Without `use`, it is where tags are written. */
  told(where: Repository, image: Descriptor, use?: 'pull' | 'push'): Promise<Told>
  tags(where: Repository): Promise<NonNullable<Answers['tags']>>
  kinship(commit: string, other: string): Promise<Kinship>
  committed(commit: string): Promise<Date | 'unknown'>
  /** Whether a commit is where a branch or pull request stands now. */
  isHead(ref: string, commit: string): Promise<boolean | 'unknown'>
  /** manifests that were read from Docker Hub, each of which counts as a pull */
  pulls(): number
}

/** More tags than a person would look at; the list of a registry with more says that it is cut. */
const MOST_TAGS = 10_000

export function openInquiry({ stores, project: { history }, reporter }: Edges): Inquiry {
  const told = new Map<Digest, Promise<Told>>()
  const tags = new Map<string, Promise<NonNullable<Answers['tags']>>>()
  let pulls = 0

  async function readTags(where: Repository): Promise<NonNullable<Answers['tags']>> {
    try {
      return (await stores.remote(where, 'push').listTags({ limit: MOST_TAGS })).tags
    } catch (thrown) {
      if (isOver(thrown)) throw thrown
      reporter.debug(`the tags of ${formatRepository(where)} are not known: ${wordsOf(thrown)}`)
      return 'unknown'
    }
  }

  async function read(where: Repository, image: Descriptor, use: 'pull' | 'push'): Promise<Told> {
    const remote = stores.remote(where, use)
    const before = remote.traffic().requests['GET'] ?? 0
    try {
      return await readTold(remote, image)
    } catch (thrown) {
      // What is broken says nothing that could be believed; a registry that does not answer is another matter.
      if (!isUnreadable(thrown)) throw thrown
      reporter.debug(`${formatRepository(where)}@${image.digest} tells nothing: ${wordsOf(thrown)}`)
      return SILENT
    } finally {
      if (where.registry === DOCKER_HUB) pulls += (remote.traffic().requests['GET'] ?? 0) - before
    }
  }

  return {
    told: (where, image, use = 'push') => once(told, image.digest, () => read(where, image, use)),
    tags: (where) => once(tags, formatRepository(where), () => readTags(where)),
    kinship: (commit, other) => history.compare(commit, other),
    committed: async (commit) => (await history.committed(commit)) ?? 'unknown',
    async isHead(ref, commit) {
      const head = await history.head(ref)
      return head === undefined ? 'unknown' : isSameCommit(head, commit)
    },
    pulls: () => pulls,
  }
}

function once<K, V>(known: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> {
  const answer = known.get(key) ?? ask()
  known.set(key, answer)
  return answer
}

function isUnreadable(thrown: unknown): boolean {
  return thrown instanceof LadingError && (thrown.code === 'CONTENT_INVALID' || thrown.code === 'SOURCE_MISSING')
}

function isOver(thrown: unknown): boolean {
  return !(thrown instanceof LadingError) || thrown.code === 'CANCELLED' || thrown.code === 'INTERNAL'
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
