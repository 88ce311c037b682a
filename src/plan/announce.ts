import { formatReference } from '../image/reference.ts'
import { nameImage } from '../tags/name.ts'
import type { Environment } from './environment.ts'
import type { MirrorRequest } from './mirror-request.ts'
import { occasionOf } from './occasion.ts'
import { count } from './print.ts'
import type { PublishRequest } from './request.ts'

/**
 * The first line of a run: what is about to happen. Throws `INPUT_INVALID` when the image cannot be named.
 * @param release Lading's own version
 */
export function announce(release: string, request: PublishRequest, environment: Environment): string {
  const { images, origin } = request
  const names = nameImage(request, occasionOf(request, environment))
  const where = count(images.length, 'repository', 'repositories')
  if (origin.kind === 'registry') {
    return `Lading ${release}: promote ${formatReference(origin.from)} to ${names.version} in ${where}`
  }
  const title = environment.repository === '' ? (images[0]?.path ?? '') : environment.repository
  const { sha } = environment.subject
  const commit = sha === '' ? '' : ` (${sha.slice(0, 7)})`
  const platforms =
    origin.kind === 'build' && origin.platforms.length > 0 ? ` for ${count(origin.platforms.length, 'platform')}` : ''
  const from = origin.kind === 'layout' ? ' from a finished layout' : ''
  return `Lading ${release}: publish ${title} ${names.version}${commit}${from}${platforms} to ${where}`
}

/** The first line of a mirror. */
export function announceMirror(release: string, { entries, check, dryRun }: MirrorRequest): string {
  const files = [...new Set(entries.map(({ origin }) => origin.file))]
  const only = check !== 'off' || dryRun ? ', writing nothing' : ''
  return `Lading ${release}: mirror ${count(entries.length, 'entry', 'entries')} of ${files.join(' and ')}${only}`
}
