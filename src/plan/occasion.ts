import type { Occasion } from '../tags/occasion.ts'
import type { Environment } from './environment.ts'
import type { PublishRequest } from './request.ts'

/** The repository as the label `source` names it, by which later runs know their own images again; empty: there is none. */
export function sourceOf({ repository, serverUrl }: Environment): string {
  return repository === '' ? '' : `${serverUrl}/${repository}`
}

/** What names, labels and expressions are made from. */
export function occasionOf({ version, shortSha }: PublishRequest, environment: Environment): Occasion {
  const { event, subject, defaultBranch, pullRequest, begun, committed } = environment
  return {
    ...subject,
    event,
    defaultBranch,
    ...(pullRequest === undefined ? {} : { pullRequest }),
    ...(version === undefined ? {} : { version }),
    shortSha,
    begun: new Date(begun),
    committed: committed === '' ? undefined : new Date(committed),
  }
}
