import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'

/** A token service that notes what it is asked for before it passes it on. */
export type TokenFront = {
  /** for `realm` of the registry that it guards */
  readonly realm: string
  /** the scopes of each request, in order: `repository:library/node:pull` */
  readonly asked: readonly (readonly string[])[]
  /** Names the service that answers. */
  lead(to: URL): void
}

/**
 * Stands before the token service of a registry, for one test.
 * @param mayAsk whether a scope is one that this service knows; a request with another one is refused whole, as GHCR and
 * Google's Artifact Registry do (containerd, pull request 13412)
 */
export async function startTokenFront(mayAsk: (scope: string) => boolean): Promise<TokenFront> {
  const asked: (readonly string[])[] = []
  let service: URL | undefined
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(new Error(String(error))))
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    const url = new URL(request.url ?? '/', service)
    const said = request.method === 'POST' ? new URLSearchParams(body) : url.searchParams
    const scopes = said.getAll('scope').flatMap((joined) => joined.split(' '))
    asked.push(scopes)
    const passed = scopes.every(mayAsk) ? await passOn(url, request, body) : REFUSED
    response.writeHead(passed.status, { 'content-type': 'application/json' })
    response.end(passed.text)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the token service has no port')
  return {
    realm: `http://127.0.0.1:${address.port}/token`,
    asked,
    lead: (to) => {
      service = to
    },
  }
}

type Answer = { readonly status: number; readonly text: string }

const REFUSED: Answer = {
  status: 403,
  text: '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}',
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function passOn(url: URL, { method = 'GET', headers }: IncomingMessage, body: string): Promise<Answer> {
  const kept = new Headers()
  for (const name of ['authorization', 'content-type'] as const) {
    const value = headers[name]
    if (value !== undefined) kept.set(name, value)
  }
  const answer = await fetch(url, { method, headers: kept, ...(method === 'POST' ? { body } : {}) })
  return { status: answer.status, text: await answer.text() }
}
