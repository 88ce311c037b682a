import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A proxy on loopback that leads names to where a test wants them, and notes what it was asked. */
export type Proxy = {
  readonly url: URL
  /** `CONNECT registry.example:443`, `HEAD http://registry.example/v2/…`, in order */
  readonly asked: readonly string[]
  /** the values of Proxy-Authorization, each once */
  readonly logins: ReadonlySet<string>
}

type ProxyOptions = {
  /** by host name */
  readonly routes: Readonly<Record<string, URL>>
  /** `user:password`; without it everybody is let in */
  readonly login?: string
}

/** CONNECT and plain requests, with or without a login, for one test. */
export async function openProxy({ routes, login }: ProxyOptions): Promise<Proxy> {
  const asked: string[] = []
  const logins = new Set<string>()
  const sockets = new Set<Socket>()
  const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`

  const isWelcome = (request: IncomingMessage): boolean => {
    asked.push(`${request.method} ${request.url}`)
    const given = request.headers['proxy-authorization']
    if (given !== undefined) logins.add(given)
    return wanted === undefined || given === wanted
  }
  const server = createServer((request, response) => {
    if (isWelcome(request)) passOn(request, response, routes)
    else response.writeHead(407).end()
  })
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    const target = routes[(request.url ?? '').replace(/:\d+$/, '')]
    client.on('error', () => client.destroy())
    if (!isWelcome(request)) client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    else if (target === undefined) client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    else sockets.add(tie(client, target))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: new URL(`http://127.0.0.1:${portOf(server)}`), asked, logins }
}

function tie(client: Socket, target: URL): Socket {
  const upstream = connect(Number(target.port), '127.0.0.1', () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    upstream.pipe(client)
    client.pipe(upstream)
  })
  upstream.on('error', () => client.destroy())
  return upstream
}

function passOn(request: IncomingMessage, response: ServerResponse, routes: ProxyOptions['routes']): void {
  const url = new URL(request.url ?? '')
  const target = routes[url.hostname]
  if (target === undefined) {
    response.writeHead(502).end()
    return
  }
  const { method, headers } = request
  const path = `${url.pathname}${url.search}`
  const onward = forward({ host: '127.0.0.1', port: target.port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return address.port
}
