/**
 * `node bench/bare-writer.ts LAYOUT HOST:PORT/REPOSITORY` sends all blobs of a layout, four at a time, each by a POST and a
 * PUT on a connection of its own, and reads no more than the head of the answers. What it takes is what the registry takes.
 */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'

const AT_A_TIME = 4
const CHUNK = 1 << 20

const [layout = '', repository = ''] = process.argv.slice(2)
const slash = repository.indexOf('/')
const host = repository.slice(0, slash)
const folder = join(layout, 'blobs', 'sha256')
const waiting = await readdir(folder)
await Promise.all(Array.from({ length: AT_A_TIME }, work))

async function work(): Promise<void> {
  for (let hash = waiting.pop(); hash !== undefined; hash = waiting.pop()) await upload(hash)
}

async function upload(hash: string): Promise<void> {
  const socket = connect({ host: host.split(':')[0] ?? '', port: Number(host.split(':')[1]), noDelay: true })
  socket.write(
    `POST /v2/${repository.slice(slash + 1)}/blobs/uploads/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`,
  )
  const [, location = ''] = /^location: (.+?)\r$/im.exec(await headOf(socket, 202)) ?? []
  const { pathname, search } = new URL(location, `http://${host}`)
  const { size } = await stat(join(folder, hash))
  const target = `${pathname}${search}&digest=sha256:${hash}`
  socket.write(`PUT ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`)
  createReadStream(join(folder, hash), { highWaterMark: CHUNK }).pipe(socket, { end: false })
  await headOf(socket, 201)
  socket.destroy()
}

function headOf(socket: Socket, status: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = ''
    const hear = (chunk: Buffer) => {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', hear)
      if (head.startsWith(`HTTP/1.1 ${status} `)) resolve(head)
      else reject(new Error(`The registry answered ${head.split('\r\n')[0]}`))
    }
    socket.on('data', hear)
    socket.once('error', reject)
  })
}
