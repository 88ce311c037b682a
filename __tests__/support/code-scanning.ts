import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { faultsOf } from '../report/sarif.ts'

/** What is said in place of the usual answer. */
export type Told = {
  readonly status: number
  readonly message?: string
  readonly headers?: Readonly<Record<string, string>>
}

export type CodeScanningOptions = {
  /** instead of looking at the request at all: what a token without the right hears */
  readonly denied?: Told
  /** of a repository without code scanning; told when the request itself is well */
  readonly off?: Told
  /** of an upload that is well, one after the other; then they are taken */
  readonly uploads?: readonly Told[]
  /** what becomes of a file */
  readonly processed?: object
}

export type Received = {
  readonly commit: string
  readonly ref: string
  readonly started: string
  readonly tool: string
  readonly sarif: object
}

/** A stand-in for the code scanning endpoints of GitHub's REST API, for the repository `acme/api`. */
export type CodeScanningServer = AsyncDisposable & {
  readonly url: string
  /** `POST /repos/…` and whoever asked */
  readonly asked: readonly { readonly what: string; readonly authorization: string | undefined }[]
  /** the uploads that were taken */
  readonly received: readonly Received[]
}

type Answer = Told & { readonly body?: object }

const SARIFS = '/repos/acme/api/code-scanning/sarifs'
const ANALYSES = '/repos/acme/api/code-scanning/analyses?per_page=1'
const ID = '47177e22-5596-11eb-80a1-c1e54ef945c6'

/** Answers as docs.github.com says ("REST API endpoints for code scanning"): the right first, then the request. */
export async function startCodeScanning(options: CodeScanningOptions = {}): Promise<CodeScanningServer> {
  const asked: CodeScanningServer['asked'][number][] = []
  const received: Received[] = []
  const uploads = [...(options.uploads ?? [])]

  function take(body: string): Answer {
    const upload = readUpload(body)
    if ('fault' in upload) return { status: 422, message: `Invalid request.\n\n${upload.fault}` }
    const told = options.off ?? uploads.shift()
    if (told !== undefined) return told
    received.push(upload)
    return { status: 202, body: { id: ID, url: `https://api.github.com${SARIFS}/${ID}` } }
  }

  function answer(what: string, body: string): Answer {
    if (options.denied !== undefined) return options.denied
    switch (what) {
      case `POST ${SARIFS}`:
        return take(body)
      case `GET ${ANALYSES}`:
        return options.off ?? { status: 404, message: 'no analysis found' }
      case `GET ${SARIFS}/${ID}`:
        return { status: 200, body: options.processed ?? { processing_status: 'complete' } }
      default:
        return { status: 404, message: 'Not Found' }
    }
  }

  const server = createServer(async (request, response) => {
    const what = `${request.method} ${request.url}`
    asked.push({ what, authorization: request.headers.authorization })
    const { status, message, headers, body } = answer(what, await bodyOf(request))
    response.writeHead(status, headers).end(JSON.stringify(body ?? { message }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the API has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** What GitHub asks of an upload, and that the file is what we say of it. */
function readUpload(body: string): Received | { readonly fault: string } {
  const { commit_sha: commit, ref, sarif, started_at: started, tool_name: tool } = JSON.parse(body)
  if (commit === undefined || ref === undefined || sarif === undefined) {
    return { fault: `"commit_sha", "ref", "sarif" weren't supplied.` }
  }
  if (!/^[0-9a-f]{40}$/.test(commit)) return { fault: `${commit} does not match /^[0-9a-f]+$/.` }
  if (!/^refs\/(?:heads|tags|pull)\/./.test(ref))
    return { fault: `${ref} does not match /^refs\\/(heads|tags|pull)\\/.*$/.` }
  const file = JSON.parse(gunzipSync(Buffer.from(sarif, 'base64')).toString('utf8'))
  const [fault] = faultsOf(file)
  return fault === undefined ? { commit, ref, started, tool, sarif: file } : { fault }
}
