import { createPrivateKey, createSign, randomUUID, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTls } from 'node:https'

/** A token service for registries that check signatures (distribution token spec). */
export type TokenServer = {
  /** where tokens come from */
  readonly realm: string
  readonly host: string
  readonly issuer: string
  /** how often it was asked */
  asked(): number
  stop(): Promise<void>
}

export type TokenServerOptions = {
  readonly username: string
  readonly password: string
  readonly service: string
  /** signs the tokens, and guards the service where `tls` is wanted */
  readonly cert: string
  readonly key: string
  readonly tls: boolean
}

const ISSUER = 'token server of the tests'
const LIFE_S = 300

export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  let asked = 0
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    asked += 1
    answer(request, response, options)
  }
  const { cert, key, tls } = options
  const server = tls ? createTls({ cert, key }, listener) : createPlain(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the token server has no port')
  const host = `127.0.0.1:${address.port}`
  return {
    realm: `${tls ? 'https' : 'http'}://${host}/token`,
    host,
    issuer: ISSUER,
    asked: () => asked,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, options: TokenServerOptions): void {
  const { username, password } = options
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const isKnown = request.headers.authorization === wanted
  const scopes = new URL(request.url ?? '/', 'http://token').searchParams.getAll('scope')
  const body = isKnown ? { token: signed(scopes, options), expires_in: LIFE_S } : { details: 'who are you?' }
  response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** A JWT whose key is named by its certificate (RFC 7515, 4.1.6), which the registry knows as a root. */
function signed(scopes: readonly string[], { username, service, cert, key }: TokenServerOptions): string {
  const now = Math.floor(Date.now() / 1000)
  const certificate = new X509Certificate(cert).raw.toString('base64')
  const access = scopes.map((scope) => {
    const [type = '', name = '', actions = ''] = scope.split(':')
    return { type, name, actions: actions.split(',') }
  })
  const times = { iat: now, nbf: now - 10, exp: now + LIFE_S }
  const claims = { iss: ISSUER, sub: username, aud: service, ...times, jti: randomUUID(), access }
  const text = [{ typ: 'JWT', alg: 'ES256', x5c: [certificate] }, claims].map(encoded).join('.')
  const signature = createSign('sha256')
    .update(text)
    .sign({ key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
