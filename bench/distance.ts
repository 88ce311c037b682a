/**
 * A registry far away: a TCP proxy that passes everything on a little later, both ways, in order and without bounding
 * how much. As over a network, a new connection costs a round trip before its first byte travels.
 *
 * `node bench/distance.ts PORT MILLISECONDS` is that in a process of its own: it prints the port it listens on, and ends
 * with its standard input, so that it never outlives who started it.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Listens on a free port of 127.0.0.1 for what goes to `port` there. `oneWay` in milliseconds. */
export async function openDistance(port: number, oneWay: number): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (near) => {
    near.on('error', () => near.destroy())
    // The system has answered the SYN already: the time it would have travelled is waited for here.
    setTimeout(() => sockets.add(near).add(passBoth(near, port, oneWay)), 2 * oneWay)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: portOf(server), close }
}

function passBoth(near: Socket, port: number, oneWay: number): Socket {
  const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  passOn(near, far, oneWay)
  passOn(far, near, oneWay)
  near.resume()
  return far
}

/** Timers of one length run in the order in which they were set, and that keeps the order of bytes and their end. */
function passOn(from: Socket, to: Socket, oneWay: number): void {
  from.on('data', (chunk: Buffer) => setTimeout(() => to.writable && to.write(chunk), oneWay))
  from.on('end', () => setTimeout(() => to.end(), oneWay))
  // A reset travels as well; it overtakes nothing, as it goes by the same kind of timer.
  from.on('error', () => setTimeout(() => to.destroy(), oneWay))
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the distance has no port')
  return address.port
}

if (import.meta.main) {
  const [port = '', oneWay = '15'] = process.argv.slice(2)
  const distance = await openDistance(Number(port), Number(oneWay))
  process.stdout.write(`${distance.port}\n`)
  process.stdin.resume().once('end', () => process.exit())
}
