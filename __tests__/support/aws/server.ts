import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { openEcr, password } from './ecr.ts'
import { openNearby } from './nearby.ts'
import type { Keys } from './notes.ts'
import { openNotes, REQUEST_TOKEN, type Reply } from './notes.ts'
import type { SignedRequest } from './signature.ts'
import { openSts } from './sts.ts'

/** AWS as far as a registry needs it: ECR, STS, the job's token, a container's and a machine's keys. */
export type Aws = {
  readonly url: string
  /** the variables by which a job finds it, without any identity */
  readonly variables: Readonly<Record<string, string>>
  /** `ecr GetAuthorizationToken eu-central-1 AKIAJOB`, `sts arn:…`, `oidc sts.amazonaws.com`, …, in order */
  readonly asked: readonly string[]
  /** the password that the n-th token of ECR carries, counted from 1 */
  password(count: number): string
  /** repositories that were created */
  readonly created: readonly string[]
}

export type AwsOptions = {
  /** who may sign, beside those to whom STS, container and machine give keys */
  readonly keys?: readonly Keys[]
  /** what STS takes the job's token for; default: nothing */
  readonly roles?: readonly string[]
  /** the path of a container's keys, and the token that it wants */
  readonly container?: { readonly path: string; readonly token: string }
  /** the role of a machine, whose keys its metadata give */
  readonly machine?: string
  /** by `ecr CreateRepository`: the error instead of the answer, for so many requests */
  readonly errors?: Readonly<
    Record<string, { readonly code: string; readonly status?: number; readonly times?: number }>
  >
  /** how long a token of ECR lives, and keys of STS; in seconds */
  readonly life?: number
  readonly keyLife?: number
  readonly now?: () => number
  /** told when a repository is created */
  readonly onCreate?: (name: string) => void
}

export async function startAws(options: AwsOptions = {}): Promise<Aws> {
  const notes = openNotes(options)
  const [ecr, sts, nearby] = [openEcr(options, notes), openSts(options, notes), openNearby(options, notes)]
  const url = await serve((request) => {
    if (request.headers['x-amz-target'] !== undefined) return ecr(request)
    return request.method === 'POST' ? sts(request) : nearby(request)
  })
  return {
    url,
    variables: { AWS_ENDPOINT_URL: url, AWS_EC2_METADATA_SERVICE_ENDPOINT: url },
    asked: notes.asked,
    password,
    created: notes.created,
  }
}

/** The variables of a job that may have a token. */
export function withJobToken(aws: Aws): Readonly<Record<string, string>> {
  return { ACTIONS_ID_TOKEN_REQUEST_URL: `${aws.url}/oidc?v=1`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: REQUEST_TOKEN }
}

async function serve(answer: (request: SignedRequest) => Reply): Promise<string> {
  const server = createServer(async (request, response) => send(response, answer(await read(request))))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('AWS has no port')
  return `http://127.0.0.1:${address.port}`
}

async function read(request: IncomingMessage): Promise<SignedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { method = '', url: path = '/', headers } = request
  return { method, path, headers, body: Buffer.concat(chunks).toString('utf8') }
}

function send(response: ServerResponse, { status, type = 'application/x-amz-json-1.1', body }: Reply): void {
  response.writeHead(status, { 'content-type': type })
  response.end(body)
}
