import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** What a request is about, by the operations of both versions. */
export type CacheStep =
  | 'find'
  | 'reserve'
  | 'put blob'
  | 'put block'
  | 'put block list'
  | 'patch'
  | 'finish'
  | 'download'

/**
 * What happens to one request of a step instead of its work: a status (with the header Retry-After in seconds), a
 * connection that breaks off, half of an answer and then nothing more, or half of it and then the end.
 */
export type Mishap = number | { readonly status: number; readonly retryAfter: string } | 'drop' | 'stall' | 'cut'

export type CacheServer = {
  /** as a runner sets them for an action; those of the version that is spoken */
  readonly variables: Readonly<Record<string, string>>
  /** entries that are whole, by key; newest last */
  readonly entries: Map<string, Buffer>
  /** the steps of all requests, in order */
  readonly asked: CacheStep[]
  /** the most requests with a body that were under way together */
  mostAtOnce(): number
  /** texts that nobody may ever be shown */
  readonly secrets: readonly string[]
}

export type CacheServerOptions = {
  readonly version: 'v1' | 'v2'
  /** the token of a run that may only read */
  readonly readOnly?: boolean
  readonly mishaps?: Partial<Record<CacheStep, readonly Mishap[]>>
  /** where signed addresses lead, when that is not this server's own storage */
  readonly storage?: string
}

const TOKEN = 'a-runtime-token-of-the-tests'
/** With what a query cannot have as it is. */
const SIGNATURE = 'c2lnbmF0dXJl+of/the+tests='
/** act tells its jobs apart by a secret in the path (`pkg/artifactcache/handler.go`). */
const SECRET_PATH = 'a-path-of-the-tests'
const TWIRP = '/twirp/github.actions.results.api.v1.CacheService/'
const V1 = `/${SECRET_PATH}/_apis/artifactcache`

type Upload = {
  readonly key: string
  readonly version: string
  readonly blocks: Map<string, Buffer>
  blob?: Buffer
}
type Entry = Pick<Upload, 'key' | 'version'> & { readonly id: number }

/**
 * GitHub's cache service for one test, in one of its two versions; the blob store of the second one has an origin of its
 * own. After the definitions in actions/toolkit (`packages/cache`), act's server, and Azure's pages on Put Blob, Put
 * Block and Put Block List.
 */
export async function startCacheServer(options: CacheServerOptions): Promise<CacheServer> {
  const asked: CacheStep[] = []
  const mishaps = new Map(Object.entries(options.mishaps ?? {}).map(([step, list]) => [step, [...list]]))
  const entries = new Map<string, Buffer>()
  const known: Entry[] = []
  const uploads: Upload[] = []
  let running = 0
  let most = 0

  /** Whether the request has its work done, or a mishap instead. */
  function goesWell(step: CacheStep, response: ServerResponse, body: Buffer = Buffer.alloc(0)): boolean {
    asked.push(step)
    const mishap = mishaps.get(step)?.shift()
    if (mishap === undefined) return true
    if (mishap === 'drop') response.destroy()
    else if (typeof mishap === 'number') json(response, mishap, { code: 'unavailable', msg: `no: ${SIGNATURE}` })
    else if (typeof mishap === 'object') {
      response.setHeader('retry-after', mishap.retryAfter)
      json(response, mishap.status, { code: 'resource_exhausted', msg: 'Rate limited' })
    } else if (body.length > 0) {
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, body.length >> 1), () => mishap === 'cut' && response.destroy())
    }
    return false
  }

  /** The newest entry whose key begins so; each prefix in its turn, a whole key before others (act: `findCache`). */
  function newest(prefixes: readonly string[], version: string): Entry | undefined {
    for (const prefix of prefixes) {
      const fitting = known.filter((entry) => entry.version === version && entry.key.startsWith(prefix)).toReversed()
      const found = fitting.find(({ key }) => key === prefix) ?? fitting[0]
      if (found !== undefined) return found
    }
    return undefined
  }

  const isThere = (key: string, version: string): boolean =>
    uploads.some((upload) => upload.key === key && upload.version === version)

  function store(upload: Upload, size: number, blob = upload.blob): boolean {
    if (blob?.length !== size) return false
    known.push({ key: upload.key, version: upload.version, id: uploads.indexOf(upload) })
    entries.set(upload.key, blob)
    return true
  }

  async function body(request: IncomingMessage): Promise<Buffer> {
    running += 1
    most = Math.max(most, running)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    running -= 1
    return Buffer.concat(chunks)
  }

  type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse; readonly bytes: Buffer }
  type Json = Readonly<Record<string, unknown>>

  /** The answers of the second version; entries are known by `key` and `version`. */
  const twirp: Readonly<Record<string, (question: Json, response: ServerResponse) => void>> = {
    GetCacheEntryDownloadURL(question, response) {
      if (!goesWell('find', response)) return
      const prefixes: unknown = question['restore_keys']
      // The real service finds nothing by `key` alone.
      const isList = Array.isArray(prefixes) && prefixes.length <= 10
      const found = isList ? newest(prefixes, text(question['version'])) : undefined
      if (found === undefined) json(response, 200, { ok: false, signed_download_url: '', matched_key: '' })
      else json(response, 200, { ok: true, signed_download_url: signed(found.id), matched_key: found.key })
    },
    CreateCacheEntry(question, response) {
      const id = reserve(question, response)
      if (id !== undefined) json(response, 200, { ok: true, signed_upload_url: signed(id) })
    },
    FinalizeCacheEntryUpload(question, response) {
      if (!goesWell('finish', response)) return
      const upload = uploads.find(({ key, version }) => key === question['key'] && version === question['version'])
      // A 64-bit number is text in JSON.
      const size = typeof question['size_bytes'] === 'string' ? Number(question['size_bytes']) : Number.NaN
      if (upload === undefined || !store(upload, size)) json(response, 200, { ok: false, message: 'wrong size' })
      else json(response, 200, { ok: true, entry_id: String(uploads.indexOf(upload)) })
    },
  }

  async function serveV2(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const question = parse(await body(request))
    const answer = twirp[urlOf(request).pathname.slice(TWIRP.length)]
    const isRight = request.headers['content-type'] === 'application/json' && isEntry(question)
    if (answer === undefined || !isRight) json(response, 400, { code: 'invalid_argument', msg: 'bad key or version' })
    else answer(question, response)
  }

  /** The number of a new entry, unless it may not be. */
  function reserve(question: Json, response: ServerResponse): number | undefined {
    if (!goesWell('reserve', response)) return undefined
    const [key, version] = [text(question['key']), text(question['version'])]
    if (options.readOnly === true) {
      json(response, 403, { code: 'permission_denied', msg: 'cache write denied: token is read-only' })
    } else if (isThere(key, version)) {
      json(response, 409, { code: 'already_exists', msg: 'cache entry with the same key already exists' })
    } else {
      return uploads.push({ key, version, blocks: new Map() }) - 1
    }
    return undefined
  }

  async function serveV1(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = { request, response, bytes: await body(request) }
    const path = urlOf(request).pathname.slice(V1.length)
    if (request.headers.accept !== 'application/json;api-version=6.0-preview.1') json(response, 400, {})
    else if (request.method === 'GET' && path === '/cache') findV1(exchange)
    else if (request.method === 'POST' && path === '/caches') reserveV1(exchange)
    else if (request.method === 'PATCH') patchV1(exchange)
    else finishV1(exchange)
  }

  function findV1({ request, response }: Exchange): void {
    if (!goesWell('find', response)) return
    const query = urlOf(request).searchParams
    const keys = (query.get('keys') ?? '').split(',')
    const found = keys.length > 10 ? undefined : newest(keys, query.get('version') ?? '')
    if (found === undefined) {
      response.writeHead(204).end()
      return
    }
    const archiveLocation = `${origin(service)}${V1}/artifacts/${found.id}`
    json(response, 200, { result: 'hit', archiveLocation, cacheKey: found.key })
  }

  function reserveV1({ response, bytes }: Exchange): void {
    const question = parse(bytes)
    const id = isEntry(question) ? reserve(question, response) : json(response, 400, { message: 'bad key or version' })
    if (id !== undefined) json(response, 201, { cacheId: id })
  }

  function patchV1({ request, response, bytes }: Exchange): void {
    if (!goesWell('patch', response)) return
    const [, start = '', end = ''] = /^bytes (\d+)-(\d+)\/\*$/.exec(request.headers['content-range'] ?? '') ?? []
    const upload = uploadAt(request)
    const isWhole = Number(end) - Number(start) + 1 === bytes.length
    if (isWhole) upload?.blocks.set(start.padStart(16, '0'), bytes)
    json(response, upload !== undefined && isWhole ? 200 : 400, {})
  }

  function finishV1({ request, response, bytes }: Exchange): void {
    if (!goesWell('finish', response)) return
    const upload = uploadAt(request)
    const parts = [...(upload?.blocks ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part)
    const blob = Buffer.concat(parts)
    const isWhole = upload !== undefined && store(upload, Number(parse(bytes)['size']), blob)
    if (isWhole) response.writeHead(204).end()
    else json(response, 500, { error: 'broken file' })
  }

  /** The entry whose number ends the path. */
  function uploadAt(request: IncomingMessage): Upload | undefined {
    return uploads[Number(/\/(\d+)$/.exec(urlOf(request).pathname)?.[1] ?? -1)]
  }

  /** A blob store that knows nobody, only signatures; who comes with a login is refused. */
  async function serveBlob(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = { request, response, bytes: await body(request) }
    const upload = uploadAt(request)
    const wrong = wrongWith(request)
    if (wrong !== undefined) refuse(exchange, 403, wrong)
    else if (upload === undefined) refuse(exchange, 404, 'BlobNotFound')
    else if (request.method === 'GET') serve(response, upload)
    else puts[urlOf(request).searchParams.get('comp') ?? '']?.(exchange, upload)
  }

  function wrongWith(request: IncomingMessage): string | undefined {
    if (request.headers.authorization !== undefined) return 'InvalidAuthenticationInfo'
    if (urlOf(request).searchParams.get('sig') !== SIGNATURE) return 'AuthenticationFailed'
    const isOpen = request.method === 'PUT' && request.headers['content-length'] === undefined
    return isOpen ? 'MissingContentLengthHeader' : undefined
  }

  /** What a PUT does, by `comp`. */
  const puts: Readonly<Record<string, (exchange: Exchange, upload: Upload) => void>> = {
    ''(exchange, upload) {
      if (!goesWell('put blob', exchange.response)) return
      const isBlock = exchange.request.headers['x-ms-blob-type'] === 'BlockBlob'
      if (isBlock) upload.blob = exchange.bytes
      taken(exchange, isBlock ? undefined : 'MissingRequiredHeader')
    },
    block(exchange, upload) {
      if (!goesWell('put block', exchange.response)) return
      const id = urlOf(exchange.request).searchParams.get('blockid') ?? ''
      const name = Buffer.from(id, 'base64')
      const isName = name.length > 0 && name.length <= 64 && name.toString('base64') === id
      const isLikeOthers = [...upload.blocks.keys()].every((other) => other.length === id.length)
      if (isName && isLikeOthers) upload.blocks.set(id, exchange.bytes)
      taken(exchange, isName && isLikeOthers ? undefined : 'InvalidBlobOrBlock')
    },
    blocklist(exchange, upload) {
      if (!goesWell('put block list', exchange.response)) return
      const names = [...exchange.bytes.toString().matchAll(/<Latest>([^<]+)<\/Latest>/g)].map(([, id = '']) => id)
      const blocks = names.flatMap((name) => upload.blocks.get(name) ?? [])
      const areThere = blocks.length === names.length
      if (areThere) upload.blob = Buffer.concat(blocks)
      taken(exchange, areThere ? undefined : 'InvalidBlockList')
    },
  }

  function taken(exchange: Exchange, wrong: string | undefined): void {
    if (wrong === undefined) exchange.response.writeHead(201).end()
    else refuse(exchange, 400, wrong)
  }

  /** As Azure refuses, with what was asked in its words. */
  function refuse({ request, response }: Exchange, status: number, code: string): void {
    const error = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${request.url}</Message></Error>`
    response.writeHead(status, { 'content-type': 'application/xml' }).end(error)
  }

  /** What a test put there in its place, if it did. */
  function serve(response: ServerResponse, upload: Upload): void {
    const bytes = entries.get(upload.key) ?? Buffer.alloc(0)
    if (goesWell('download', response, bytes)) response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
  }

  function serveService(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = urlOf(request)
    const { authorization } = request.headers
    const upload = pathname.startsWith(`${V1}/artifacts/`) ? uploadAt(request) : undefined
    const [root, answer] = options.version === 'v2' ? [TWIRP, serveV2] : [V1, serveV1]
    if (upload !== undefined && authorization === undefined) serve(response, upload)
    else if (authorization !== `Bearer ${TOKEN}`) json(response, 401, { code: 'unauthenticated', msg: 'bad token' })
    else if (pathname.startsWith(root)) void answer(request, response)
    else json(response, 404, { code: 'bad_route', msg: 'no handler' })
  }

  const storage = await listen((request, response) => void serveBlob(request, response))
  const service = await listen(serveService)
  const signed = (id: number) =>
    `${options.storage ?? origin(storage)}/blobs/${id}?se=2026-11-22T12%3A00%3A00Z&sig=${encodeURIComponent(SIGNATURE)}`

  const variables =
    options.version === 'v2'
      ? { ACTIONS_CACHE_SERVICE_V2: 'True', ACTIONS_RESULTS_URL: `${origin(service)}/` }
      : { ACTIONS_CACHE_URL: `${origin(service)}/${SECRET_PATH}/` }
  return {
    variables: { ...variables, ACTIONS_RUNTIME_TOKEN: TOKEN },
    entries,
    asked,
    mostAtOnce: () => most,
    secrets: [TOKEN, SIGNATURE, encodeURIComponent(SIGNATURE), SECRET_PATH],
  }
}

type Listening = Awaited<ReturnType<typeof listen>>

async function listen(listener: RequestListener) {
  const server = createServer(listener)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

function origin(server: Listening): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the cache server has no port')
  return `http://127.0.0.1:${address.port}`
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  return new URL(url, 'http://here')
}

/** Whether a question names an entry as the service wants it named. */
function isEntry(question: Readonly<Record<string, unknown>>): boolean {
  const key = text(question['key'])
  return /^[^,]{1,512}$/.test(key) && /^[0-9a-f]{64}$/.test(text(question['version']))
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> {
  return JSON.parse(bytes.toString())
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
