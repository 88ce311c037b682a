import { expect, test } from 'vitest'
import type { Environment } from '../../src/plan/environment.ts'
import { mayKeepInCache } from '../../src/plan/keep.ts'

const OWN = { number: 12, fromFork: false }
const FORK = { number: 12, fromFork: true }

test.each<readonly [string, Environment['pullRequest'], boolean]>([
  ['push', undefined, true],
  ['schedule', undefined, true],
  ['workflow_dispatch', undefined, true],
  ['merge_group', undefined, true],
  ['', undefined, true],
  ['pull_request', OWN, true],
  ['pull_request', FORK, false],
  ['pull_request_review', FORK, false],
  ['pull_request_target', OWN, false],
  ['pull_request_target', FORK, false],
  ['pull_request_target', undefined, false],
])('a run of %j with %j keeps things for others: %s', (event, pullRequest, may) => {
  expect(mayKeepInCache({ event, ...(pullRequest === undefined ? {} : { pullRequest }) })).toBe(may)
})
