import type { Call, Origin } from './call.ts'
import { type Step, targetOf } from './route.ts'

/** One request as the registry saw it. Credentials are never kept, only how they were presented. */
export type RecordedRequest = {
  readonly origin: Origin
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly step: Step
  readonly repository?: string
  readonly reference?: string
  readonly digest?: string
  readonly userAgent: string
  /** `Basic`, `Bearer`, … */
  readonly authorization?: string
  /** Whether anything followed the scheme. */
  readonly credentials: boolean
  /** Bytes of the bodies. */
  readonly requestBytes: number
  readonly responseBytes: number
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number
  /** Both are missing while the request is under way; a connection that was closed has no status. */
  readonly endedAt?: number
  readonly status?: number
}

/** The same, while it is being written. */
export type OpenRecord = { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] }

export function newRecord({ origin, method, url, route, headers }: Call): OpenRecord {
  const [scheme, credentials] = (headers.authorization ?? '').split(' ')
  return {
    origin,
    method,
    path: `${url.pathname}${url.search}`,
    step: route.step,
    ...targetOf(route),
    userAgent: headers['user-agent'] ?? '',
    ...(scheme ? { authorization: scheme } : {}),
    credentials: Boolean(credentials),
    requestBytes: 0,
    responseBytes: 0,
    startedAt: performance.now(),
  }
}

/** PUT, PATCH, POST with a digest or a mount, DELETE of content: not the opening and cancelling of an empty upload. */
export function isWrite({ step }: RecordedRequest): boolean {
  return writing.includes(step)
}

const writing: readonly Step[] = [
  'manifest-put',
  'tag-put',
  'manifest-delete',
  'blob-delete',
  'upload-single',
  'mount',
  'upload-patch',
  'upload-put',
]
