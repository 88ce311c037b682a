import type { Candidate } from './candidate.ts'
import { type Affixes, readRelease } from './line.ts'
import { createdOf, type Told } from './live.ts'
import { isSameSource } from './source.ts'

/**
 * A promotion as a candidate: what moves is the image, and not the commit that the workflow runs on. An image of this
 * repository tells its commit, when it was made, and its version; the release that it is given a name of goes before the
 * version that it was built as, so that `1.3.0-rc.2` can become `1.3.0`. Of an image that comes from elsewhere, or does not
 * tell from where, nothing counts but when it was made and what the names say.
 *
 * @param run what the run alone tells: source, and what the names say of release and version
 * @param affixes of all its names
 */
export function promotedCandidate(run: Candidate, told: Told, affixes: readonly Affixes[]): Candidate {
  const built = createdOf(told) ?? run.built
  if (!isSameSource(told.source, run.source)) return { ...run, built, commit: '', committed: undefined, request: '' }
  return {
    ...run,
    built,
    release: run.release ?? releaseTold(run, told, affixes),
    version: told.version === '' ? run.version : told.version,
    commit: COMMIT.test(told.revision) ? told.revision : '',
    committed: told.revision === run.commit ? run.committed : undefined,
    request: told.request,
  }
}

/** As Git writes it, in full or in short. */
const COMMIT = /^[0-9a-f]{7,64}$/i

function releaseTold(run: Candidate, { version }: Told, affixes: readonly Affixes[]): string | undefined {
  return affixes.some((around) => readRelease(version, run, around) !== undefined) ? version : undefined
}
