import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A line to a server on this machine, which can stop carrying what is sent there. */
export type Line = {
  /** 127.0.0.1:PORT of this end */
  readonly host: string
  /** Lets so many bytes more go to the server, then none; resolves when it holds. */
  holdAfter(bytes: number): Promise<void>
  /** Carries everything again; what was held is lost with its connection. */
  release(): void
  close(): Promise<void>
}

export async function openLine(target: string): Promise<Line> {
  const [hostname = '', port = ''] = target.split(':')
  const sockets = new Set<Socket>()
  let room = Number.POSITIVE_INFINITY
  let holds = Promise.withResolvers<void>()
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      // A connection that is cut is what this line is for.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    upstream.pipe(client)
    client.on('data', (chunk) => {
      room -= chunk.length
      if (room > 0) upstream.write(chunk)
      else holds.resolve()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the line has no port')
  return {
    host: `127.0.0.1:${address.port}`,
    holdAfter(bytes) {
      room = bytes
      holds = Promise.withResolvers<void>()
      return holds.promise
    },
    release() {
      room = Number.POSITIVE_INFINITY
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
