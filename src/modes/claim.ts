import { sourceOf } from '../plan/occasion.ts'
import type { Candidate } from '../tags/candidate.ts'
import type { Names } from '../tags/name.ts'
import { promotedCandidate } from '../tags/promoted.ts'
import type { Inquiry } from './inquiry.ts'
import type { Given, Stored } from './obtain.ts'
import type { Run } from './run.ts'

/** What is about to get its names, as decisions about tags see it. */
export type Claim = {
  /** as far as it is known without asking anybody */
  readonly draft: Candidate
  /** With what has to be read first, which is done once, and only for a decision that needs it. */
  whole(): Promise<Candidate>
}

/** A build or a layout is of the commit of this run. An image that is promoted was there before, and tells its own. */
export function openClaim(run: Run, names: Names, given: Given, inquiry: Inquiry): Claim {
  const draft = candidateOfRun(run, names, given.kind === 'build' ? given.order.hash : '')
  if (given.kind !== 'registry') return { draft, whole: async () => draft }
  let whole: Promise<Candidate> | undefined
  return {
    draft,
    whole() {
      whole ??= learnOfImage(draft, names, given.stored, inquiry)
      return whole
    },
  }
}

function candidateOfRun({ environment, edges }: Run, names: Names, request: string): Candidate {
  const { subject, committed } = environment
  return {
    source: sourceOf(environment),
    release: names.release,
    version: names.version,
    commit: subject.sha,
    committed: committed === '' ? undefined : new Date(committed),
    built: edges.clock.now(),
    isHead: undefined,
    request,
  }
}

async function learnOfImage(
  draft: Candidate,
  { tags }: Names,
  { from, image }: Stored,
  inquiry: Inquiry,
): Promise<Candidate> {
  const told = await inquiry.told(from, image, 'pull')
  const candidate = promotedCandidate(
    draft,
    told,
    tags.map(({ affixes }) => affixes),
  )
  if (candidate.commit === '' || candidate.committed !== undefined) return candidate
  const committed = await inquiry.committed(candidate.commit)
  return committed === 'unknown' ? candidate : { ...candidate, committed }
}
