import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** A request as a service of AWS sees it. */
export type SignedRequest = {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What an `Authorization` of Signature Version 4 says. */
export type Claim = {
  readonly accessKeyId: string
  readonly date: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

const FORM =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/

export function claimIn({ headers }: Pick<SignedRequest, 'headers'>): Claim | undefined {
  const [, accessKeyId = '', date = '', region = '', service = '', names = '', signature = ''] =
    FORM.exec(headers.authorization ?? '') ?? []
  if (signature === '') return undefined
  return { accessKeyId, date, region, service, signedHeaders: names.split(';'), signature }
}

/** Computes a signature anew (docs.aws.amazon.com, "Create a signed AWS API request"), by no code of the project. */
export function signatureOf(request: SignedRequest, claim: Claim, secret: string): string {
  const { date, region, service, signedHeaders } = claim
  const [path = '/', query = ''] = request.path.split('?')
  const lines = signedHeaders.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`)
  const canonical = [request.method, path, query, lines.join(''), signedHeaders.join(';'), sha256(request.body)].join(
    '\n',
  )
  const scope = [date, region, service, 'aws4_request'].join('/')
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, date))
  return hmac(key, text).toString('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
