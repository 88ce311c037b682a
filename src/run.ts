import type { Edges } from './edges.ts'
import { beginMirror } from './modes/mirror/ledger.ts'
import { type Mirrored, mirror } from './modes/mirror.ts'
import { publish } from './modes/publish.ts'
import { beginRun } from './modes/run.ts'
import type { Environment } from './plan/environment.ts'
import type { MirrorRequest } from './plan/mirror-request.ts'
import type { PublishRequest } from './plan/request.ts'
import type { Report } from './report/report.ts'

export type { Edges } from './edges.ts'
export type { Environment } from './plan/environment.ts'
export type { PublishRequest } from './plan/request.ts'
export type { Report } from './report/report.ts'

/**
 * The front door, usable as a library: what was asked, what the run tells about itself, and all that may be asked of
 * the world. What goes wrong is in the report (`failure`); nothing is thrown.
 */
export function run(request: PublishRequest, environment: Environment, edges: Edges): Promise<Report> {
  return publish(beginRun({ request, environment, edges }))
}

/** The same for a mirror, which also says what its lock file is to remember. */
export function runMirror(request: MirrorRequest, environment: Environment, edges: Edges): Promise<Mirrored> {
  return mirror(beginMirror({ request, environment, edges }))
}
