import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** What happens to one download instead of its bytes; what comes after the last one is whole. */
export type Mishap = 'none' | 'cut' | 'stall' | number

export type ReleaseServer = {
  readonly url: URL
  /** `github.com /aquasecurity/…`, in order; the header `authorization` behind it, if there is one */
  readonly asked: readonly string[]
}

type Options = {
  /** by the file's name */
  readonly files: Readonly<Record<string, Uint8Array>>
  readonly mishaps?: readonly Mishap[]
  readonly tls?: { readonly cert: string; readonly key: string }
  /** where the files lie, when that is another host: `https://release-assets.githubusercontent.com` */
  readonly storage?: string
}

export const SIGNATURE = 'a-signature-of-the-tests'

/** GitHub's releases for one test: a name leads to a signed address, and that gives the file. */
export async function startReleaseServer(options: Options): Promise<ReleaseServer> {
  const asked: string[] = []
  const mishaps = [...(options.mishaps ?? [])]
  const mishapOr = (file: Uint8Array, response: ServerResponse): void => {
    const mishap = mishaps.shift() ?? 'none'
    if (typeof mishap === 'number') {
      response.writeHead(mishap).end('not now')
      return
    }
    response.writeHead(200, { 'content-length': file.length })
    if (mishap === 'none') response.end(file)
    else response.write(file.subarray(0, file.length >> 1), () => mishap === 'cut' && response.destroy())
  }
  const listener: RequestListener = ({ url = '/', headers }, response) => {
    const { pathname } = new URL(url, 'http://here')
    const name = pathname.split('/').at(-1) ?? ''
    const host = (headers.host ?? '').replace(/:\d+$/, '')
    asked.push([host, pathname, headers.authorization].filter((word) => word !== undefined).join(' '))
    const file = options.files[name]
    if (file === undefined) {
      response.writeHead(404).end('Not Found')
    } else if (pathname.startsWith('/storage/')) {
      mishapOr(file, response)
    } else {
      const location = `${options.storage ?? ''}/storage/${name}?sig=${SIGNATURE}`
      response.writeHead(302, { location, 'content-length': 0 }).end()
    }
  }
  const server: Server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const scheme = options.tls === undefined ? 'http' : 'https'
  return { url: new URL(`${scheme}://127.0.0.1:${portOf(server)}`), asked }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the release server has no port')
  return address.port
}
