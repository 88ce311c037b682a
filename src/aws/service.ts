import { LadingError } from '../error.ts'
import { readBytes } from '../net/read.ts'
import type { Request, Response, Send } from '../net/send.ts'
import { plainLine } from '../plain-text.ts'
import { type AwsService, endpointOf, type Place } from './endpoints.ts'
import { type AwsKeys, type AwsPolicy, patient } from './keys.ts'

export type Json = Readonly<Record<string, unknown>>

/** What a service of AWS answered: an object, or the name of an error and its words. */
export type Answer =
  | { readonly kind: 'ok'; readonly json: Json }
  | { readonly kind: 'error'; readonly code: string; readonly words: string; readonly status: number }

/** One call of the protocol “AWS JSON 1.1”, which ECR speaks. */
export type Call = {
  readonly service: Extract<AwsService, 'ecr' | 'ecr-public'>
  readonly place: Place
  readonly action: string
  readonly input: object
}

/** The largest answer that is read, in bytes. A token of ECR has about 3000. */
const ANSWER_LIMIT = 64 * 1024
const PATIENCE_MS = 30_000

// `targetPrefix` of the API models of both services (aws/aws-sdk-go, `models/apis/ecr*/*/api-2.json`).
const TARGETS = { ecr: 'AmazonEC2ContainerRegistry_V20150921', 'ecr-public': 'SpencerFrontendService' } as const

/**
 * Calls a service with a signed request. Keys never leave: what goes out is a signature that is good for this request, at
 * this host, for a few minutes. Throws `REGISTRY_UNREACHABLE` and their like when no answer came.
 */
export async function callService(call: Call, keys: AwsKeys, policy: AwsPolicy): Promise<Answer> {
  const { service, place, action, input } = call
  const bytes = JSON.stringify(input)
  const url = endpointOf(service, place, policy)
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${TARGETS[service]}.${action}` }
  const request: Request = { method: 'POST', url, headers, body: { kind: 'bytes', bytes }, patienceMs: PATIENCE_MS }
  // Signed anew for each attempt: a signature is too old after five minutes (“Elements of an AWS API request signature”).
  const signing: Send = async (unsigned) =>
    policy.wire(await signed(unsigned, bytes, { ...call, keys, now: policy.now() }))
  return readAnswer(await patient(signing, policy)(request))
}

type Signing = Pick<Call, 'service' | 'place'> & { readonly keys: AwsKeys; readonly now: Date }

async function signed(request: Request, body: string, { service, place, keys, now }: Signing): Promise<Request> {
  const { AwsV4Signer } = await import('aws4fetch')
  const { accessKeyId, secretAccessKey, sessionToken } = keys
  const signer = new AwsV4Signer({
    method: request.method,
    url: request.url.href,
    headers: { ...request.headers },
    body,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service,
    region: place.region,
    datetime: now.toISOString().replace(/[:-]|\.\d{3}/g, ''),
    // The content type too: it is left out by default, for browsers that change it.
    allHeaders: true,
  })
  const { headers } = await signer.sign()
  return { ...request, headers: Object.fromEntries(headers) }
}

async function readAnswer(response: Response): Promise<Answer> {
  const { status } = response
  const json = parseObject(await readBytes(response, ANSWER_LIMIT))
  if (status === 200) return { kind: 'ok', json }
  // `com.amazonaws.ecr#AccessDeniedException`, with or without its name space; messages come in either case.
  const code = plainLine(textOf(json['__type']).replace(/^.*#/, '').replace(/:.*$/, ''), 100)
  const words = plainLine(textOf(json['message']) || textOf(json['Message']))
  return { kind: 'error', code: code === '' ? `status ${status}` : code, words, status }
}

/** A refusal as an error: who was asked for what, and what AWS says. */
export function refusedBy(what: string, { code, words, status }: Extract<Answer, { kind: 'error' }>, hint: string) {
  const said = `${what}: AWS says ${code}${words === '' ? '' : `, “${words}”`}`
  const isBusy = status >= 500 || /Throttl|TooManyRequests|LimitExceeded.*Rate/i.test(code)
  return isBusy ? new LadingError('REGISTRY_BUSY', said) : new LadingError('LOGIN_FAILED', said, { hint })
}

export function parseObject(bytes: Uint8Array): Json {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof json === 'object' && json !== null ? { ...json } : {}
  } catch {
    return {}
  }
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
