import { LadingError } from '../error.ts'
import { isReset } from '../net/trouble.ts'
import { diagnose } from './diagnosis.ts'
import { missingRemedy } from './remedy.ts'
import { type Site, tagsUrl } from './site.ts'

/**
 * Why an upload could not be begun. ECR breaks the connection off when the repository is not there, and says so only
 * when it is asked for something else (dotnet/sdk-container-builds#279, moby#24473).
 */
export async function whyNotBegun(site: Site, thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof LadingError) || !isReset(thrown)) return thrown
  const list = {
    method: 'GET',
    url: tagsUrl(site, 1),
    repeatable: false,
    signal: site.connection.policy.signal,
  } as const
  const answer = await site.send(list).catch(() => undefined)
  if (answer === undefined) return thrown
  const { status, codes, text } = await diagnose(answer)
  if (status !== 404 || !codes.includes('NAME_UNKNOWN')) return thrown
  const what = `pushing to ${site.name}: the registry breaks off uploads, and says of the repository ${text}`
  const hint = missingRemedy(site.connection.registry)
  return new LadingError('REPOSITORY_MISSING', what, { cause: thrown, ...(hint === undefined ? {} : { hint }) })
}
