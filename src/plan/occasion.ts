import type { Occasion } from '../tags/occasion.ts'
import type { Environment } from './environment.ts'
import type { PublishRequest } from './request.ts'

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
