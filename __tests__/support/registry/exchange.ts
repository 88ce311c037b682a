import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { type Answer, type Reply, refuse } from './answer.ts'
import { type Call, Disconnected, type Handle, type Origin } from './call.ts'
import { newRecord, type OpenRecord } from './record.ts'
import { parseRoute } from './route.ts'

export type Side = { readonly origin: Origin; readonly scheme: 'http' | 'https'; readonly records: OpenRecord[] }

/** Turns node's request into a call, lets it be handled, and sends the reply. */
export async function exchange(
  side: Side,
  request: IncomingMessage,
  response: ServerResponse,
  handle: Handle,
): Promise<void> {
  const call = callOf(side, request)
  const record = newRecord(call)
  side.records.push(record)
  const reply = await replyTo({ ...call, body: bodyOf(request, record) }, handle)
  if (reply === 'reset') reset(request)
  else await send(response, reply, { method: call.method, record })
  record.endedAt = performance.now()
  // What a refused request still has to say is read and dropped, so that its connection can be used again.
  request.resume()
}

function callOf({ origin, scheme }: Side, request: IncomingMessage): Call {
  const method = request.method ?? 'GET'
  const url = new URL(`${scheme}://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`)
  const commit = { before: async () => undefined, keep: true }
  return { method, url, headers: request.headers, route: parseRoute(method, url), origin, body: request, commit }
}

async function* bodyOf(request: IncomingMessage, record: OpenRecord): AsyncGenerator<Uint8Array> {
  try {
    // A reader that stops early must leave the connection open for the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!(chunk instanceof Uint8Array)) continue
      record.requestBytes += chunk.byteLength
      yield chunk
    }
  } catch (cause) {
    throw new Disconnected('the client went away', { cause })
  }
}

async function replyTo(call: Call, handle: Handle): Promise<Reply> {
  try {
    return await handle(call)
  } catch (error) {
    if (error instanceof Disconnected) return 'reset'
    return refuse('UNKNOWN', { message: `the in-process registry failed: ${String(error)}` })
  }
}

function reset({ socket }: IncomingMessage): void {
  // Only a plain TCP socket can send RST.
  if (socket instanceof TLSSocket || !(socket instanceof Socket)) socket.destroy()
  else socket.resetAndDestroy()
}

type Sending = { readonly method: string; readonly record: OpenRecord }

async function send(response: ServerResponse, reply: Answer, { method, record }: Sending): Promise<void> {
  if (response.destroyed) return
  record.status = reply.status
  const headers = Object.entries(reply.headers)
  response.writeHead(reply.status, Object.fromEntries(headers.map(([name, value]) => [name, header(value)])))
  const body = method === 'HEAD' ? [] : reply.body
  const whole = await write(response, { body, record, limit: reply.ending?.after ?? Number.POSITIVE_INFINITY })
  if (reply.ending === undefined || !whole) return close(response)
  // What was written still goes out.
  if (reply.ending.kind === 'cut') response.socket?.destroySoon()
  else await next(response, [])
}

function header(value: string | readonly string[]): string | string[] {
  return typeof value === 'string' ? value : [...value]
}

type Writing = { readonly body: readonly Uint8Array[]; readonly record: OpenRecord; readonly limit: number }

/** `false` when the client went away before the end. */
async function write(response: ServerResponse, { body, record, limit }: Writing): Promise<boolean> {
  for (const chunk of body) {
    const part = chunk.subarray(0, Math.max(0, limit - record.responseBytes))
    record.responseBytes += part.byteLength
    if (response.write(part) || part.byteLength === 0) continue
    await next(response, ['drain'])
    if (response.destroyed) return false
  }
  return true
}

async function close(response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  response.end()
  if (!response.writableFinished) await next(response, ['finish'])
}

/** The first of these events, or the end of the connection. */
async function next(response: ServerResponse, events: readonly string[]): Promise<void> {
  if (response.destroyed) return
  await new Promise<void>((resolve) => {
    const names = [...events, 'close']
    const done = () => {
      for (const name of names) response.off(name, done)
      resolve()
    }
    for (const name of names) response.on(name, done)
  })
}
