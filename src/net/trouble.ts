import { LadingError } from '../error.ts'

/** A failure of the network as an error that says which kind it was: name, route, time, certificate. */
export function networkTrouble(error: unknown, url: URL): LadingError {
  if (error instanceof LadingError) return error
  const own = ownErrorIn(error)
  if (own !== undefined) return own
  const refusal = proxyRefusal(error, url)
  if (refusal !== undefined) return refusal
  const code = codeOf(error)
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new LadingError('CONTENT_INVALID', `${url.host}: what was sent has another size than was announced`, {
      cause: error,
    })
  }
  if (isTls(code, error)) {
    return new LadingError('TLS_FAILED', `${url.host}: ${tlsReason(code)}`, { cause: error, hint: tlsHint(code, url) })
  }
  return new LadingError('REGISTRY_UNREACHABLE', `${url.host}: ${reason(code, error)}`, { cause: error })
}

/** Whether a connection was closed under a request, which may mean that there were too many. */
export function isReset(error: unknown): boolean {
  if (!(error instanceof LadingError) || error.code !== 'REGISTRY_UNREACHABLE') return false
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(codeOf(error.cause))
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such host (DNS)',
  EAI_AGAIN: 'the name could not be looked up just now (DNS)',
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed while sending',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ETIMEDOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 15 s',
  UND_ERR_HEADERS_TIMEOUT: 'it took the request and did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'its answer stood still for 60 s',
}

/** Errors of a body that we were sending arrive as the cause of the socket's error; they are the reason. */
function ownErrorIn(error: unknown): LadingError | undefined {
  let inner: unknown = error
  for (let depth = 0; depth < 5 && inner instanceof Error; depth += 1) {
    if (inner instanceof LadingError) return inner
    inner = inner.cause
  }
  return undefined
}

/**
 * undici tells what a proxy answered in words alone. A login that the proxy refuses is not worth a second try; to one that
 * it does not know tinyproxy says 401 (`src/reqs.c`), where others ask again with 407.
 */
function proxyRefusal(error: unknown, { host }: URL): LadingError | undefined {
  const text = error instanceof Error ? error.message : ''
  const status = /^Proxy (?:response|Authentication Required) \((\d+)\)/.exec(text)?.[1]
  if (status === undefined) return undefined
  const message = `${host}: the proxy does not lead there (status ${status} of the proxy)`
  if (status !== '407' && status !== '401') return new LadingError('REGISTRY_UNREACHABLE', message, { cause: error })
  return new LadingError('REGISTRY_UNREACHABLE', message, {
    hint: 'Put a user and a password that the proxy knows into HTTPS_PROXY and HTTP_PROXY.',
  })
}

function codeOf(error: unknown): string {
  let inner: unknown = error
  for (let depth = 0; depth < 5 && inner instanceof Error; depth += 1) {
    if (inner instanceof AggregateError && inner.errors.length > 0) inner = inner.errors[0]
    if (inner instanceof Error && 'code' in inner && typeof inner.code === 'string') return inner.code
    inner = inner instanceof Error ? inner.cause : undefined
  }
  return ''
}

function isTls(code: string, error: unknown): boolean {
  if (/^(?:CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH|EPROTO)/.test(code)) return true
  return error instanceof Error && /wrong version number|packet length too long/i.test(error.message)
}

/** Alerts by which a server refuses our certificate, or the lack of one (RFC 8446, 6.2). */
const CLIENT_REFUSED =
  /ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|HANDSHAKE_FAILURE)$/

function tlsReason(code: string): string {
  if (CLIENT_REFUSED.test(code)) return `it wants another certificate of ours (${code})`
  if (/^(?:UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code))
    return `its certificate is signed by an authority that this machine does not know (${code})`
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name'
  return `it does not speak TLS as expected (${code === '' ? 'wrong version number' : code})`
}

function tlsHint(code: string, url: URL): string {
  const host = url.host
  if (CLIENT_REFUSED.test(code)) {
    return `Name a certificate that it knows: registry-config: [{ registry: ${host}, client-cert: …, client-key: … }].`
  }
  if (/^(?:UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code)) {
    return `Name the authority: registry-config: [{ registry: ${host}, ca: path/to/ca.pem }].`
  }
  if (/^(?:CERT_|ERR_TLS_CERT)/.test(code)) return `Renew the certificate of ${host}.`
  return `If ${host} speaks plain http on purpose, say so: registry-config: [{ registry: ${host}, insecure: true }].`
}

function reason(code: string, error: unknown): string {
  const known = REASONS[code]
  if (known !== undefined) return known
  return error instanceof Error ? error.message : String(error)
}
