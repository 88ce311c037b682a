import { basename } from 'node:path'
import type { ActionName } from './input-table.ts'

/**
 * Which action was started: all share one bundle, and each starts it by a file of its own, `dist/promote.js`. A runner
 * tells nothing else: its `GITHUB_ACTION_PATH` is for composite actions (GitHub docs, "Variables reference").
 * @param program the file that was started, as `process.argv[1]`
 */
export function actionOf(program: string): ActionName {
  const name = basename(program).replace(/\.[cm]?js$/, '')
  return name === 'mirror' || name === 'promote' ? name : 'publish'
}
