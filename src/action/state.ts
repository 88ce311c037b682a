import { appendRecord } from './file-command.ts'
import type { ProcessVariables } from './form.ts'

/** What main tells post. */
export type StateName = 'begun' | 'scratch'

/** Hands a value to the post step; without a runner nobody is there to take it. */
export function saveState(variables: ProcessVariables, name: StateName, value: string): void {
  appendRecord(variables['GITHUB_STATE'], name, value)
}

/** A value that main handed over, or `undefined`. */
export function readState(variables: ProcessVariables, name: StateName): string | undefined {
  const value = variables[`STATE_${name}`]
  return value === '' ? undefined : value
}

/** Whether a post step will come: without a runner nobody calls it, and main has to clean up after itself. */
export function hasPost(variables: ProcessVariables): boolean {
  return (variables['GITHUB_STATE'] ?? '') !== ''
}
