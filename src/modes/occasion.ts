import { occasionOf } from '../plan/occasion.ts'
import { tellsCommitDate } from '../tags/name.ts'
import type { Occasion } from '../tags/occasion.ts'
import type { Run } from './run.ts'

/** What names and expressions are made from: the event, and from the repository's history only what is not in it. */
export async function learnOccasion({ request, environment, edges }: Run): Promise<Occasion> {
  const { repository, defaultBranch, committed, subject } = environment
  const known = occasionOf(request, environment)
  const [facts, date] = await Promise.all([
    repository !== '' && defaultBranch === '' ? edges.project.history.facts() : undefined,
    committed === '' && subject.sha !== '' && tellsCommitDate(request)
      ? edges.project.history.committed(subject.sha)
      : undefined,
  ])
  return { ...known, defaultBranch: facts?.defaultBranch ?? known.defaultBranch, committed: date ?? known.committed }
}
