/** What the registry says back, as plain data, so that faults can change it before it is sent. */
export type Answer = {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: readonly Uint8Array[]
  readonly ending?: Ending
}

export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>

/** How the body ends when it does not simply end; `after` counts bytes of the body. */
type Ending = { readonly kind: 'cut' | 'stall'; readonly after: number }

/** `reset` closes the connection without a word. */
export type Reply = Answer | 'reset'

export type ErrorCode = keyof typeof errors

export type Refusal = { status?: number; message?: string; detail?: unknown; headers?: AnswerHeaders }

export function answer(status: number, headers: AnswerHeaders = {}, body: readonly Uint8Array[] = []): Answer {
  return { status, headers: withLength(status, headers, body), body }
}

export function answerJson(status: number, value: unknown, headers: AnswerHeaders = {}): Answer {
  return answer(status, { 'content-type': 'application/json', ...headers }, [Buffer.from(`${JSON.stringify(value)}\n`)])
}

/** The spec's error body, with the status that `distribution` gives the code. */
export function refuse(code: ErrorCode, { status, message, detail, headers }: Refusal = {}): Answer {
  const known = errors[code]
  const error = { code, message: message ?? known.message, ...(detail === undefined ? {} : { detail }) }
  return answerJson(status ?? known.status, { errors: [error] }, headers)
}

export function lengthOf(body: readonly Uint8Array[]): number {
  return body.reduce((total, chunk) => total + chunk.byteLength, 0)
}

// RFC 9110 §8.6: no Content-Length on 204.
function withLength(status: number, headers: AnswerHeaders, body: readonly Uint8Array[]): AnswerHeaders {
  return status === 204 ? headers : { ...headers, 'content-length': String(lengthOf(body)) }
}

const errors = {
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 404, message: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to registry' },
  DENIED: { status: 403, message: 'requested access to the resource is denied' },
  DIGEST_INVALID: { status: 400, message: 'provided digest did not match uploaded content' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, message: 'blob unknown to registry' },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown' },
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to registry' },
  RANGE_INVALID: { status: 416, message: 'invalid content range' },
  SIZE_INVALID: { status: 400, message: 'provided length did not match content length' },
  TAG_INVALID: { status: 400, message: 'manifest tag did not match URI' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  UNAUTHORIZED: { status: 401, message: 'authentication required' },
  UNKNOWN: { status: 500, message: 'unknown error' },
  UNSUPPORTED: { status: 405, message: 'The operation is unsupported.' },
} as const
