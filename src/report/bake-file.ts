import { formatRepository, type Repository } from '../image/reference.ts'
import type { Report } from './report.ts'

/** The target that metadata-action's bake files have, from which people let theirs inherit. */
const TARGET = 'docker-metadata-action'

/**
 * The names, labels and annotations of a report as a file for `docker buildx bake`; `undefined` while there is no name, and where nothing
 * is built.
 * One file where metadata-action writes four.
 */
export function bakeFileOf(report: Report, repositories: readonly Repository[]): string | undefined {
  const { mode, tags, labels, annotations, version } = report
  if (mode === 'promote' || tags.length === 0) return undefined
  const args = { DOCKER_META_IMAGES: repositories.map(formatRepository).join(','), DOCKER_META_VERSION: version }
  const target = {
    tags,
    labels,
    annotations: Object.entries(annotations).map(([key, value]) => `${key}=${value}`),
    args,
  }
  return `${JSON.stringify({ target: { [TARGET]: target } }, null, 2)}\n`
}
