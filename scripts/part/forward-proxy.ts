import { readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import path from 'node:path'
import { requirePart } from './locate.ts'
import { openFolder, supervise, untilReady } from './supervised.ts'
import { watched } from './watched.ts'

type StartedProxy = {
  /** 127.0.0.1:PORT */
  readonly host: string
  /** what it was asked, as it says so itself: `CONNECT registry.example:443`, `GET http://registry.example/v2/` */
  asked(): Promise<readonly string[]>
  stop(): Promise<void>
}

type ProxyOptions = {
  readonly login?: { readonly username: string; readonly password: string }
  /** HOST:PORT of the proxy that it hands everything on to */
  readonly upstream: string
}

/** Starts tinyproxy on a free port of 127.0.0.1. */
export async function startProxy({ login, upstream }: ProxyOptions): Promise<StartedProxy> {
  const tinyproxy = await requirePart('tinyproxy')
  const { folder } = await openFolder('tinyproxy')
  const port = await freePort()
  const file = path.join(folder, 'tinyproxy.conf')
  const lines = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 60',
    'MaxClients 100',
    'LogLevel Connect',
    `Upstream http ${upstream}`,
    ...(login === undefined ? [] : [`BasicAuth ${login.username} ${login.password}`]),
  ]
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
  const running = await supervise({ folder, command: watched([tinyproxy, '-d', '-c', file]) })
  await untilReady(running, 'tinyproxy', () => listens(port))
  return {
    host: `127.0.0.1:${port}`,
    async asked() {
      const log = await readFile(running.output, 'utf8')
      return [...log.matchAll(/Request \(file descriptor \d+\): (\S+ \S+) HTTP/g)].map(([, asked = '']) => asked)
    },
    stop: () => running.stop(),
  }
}

/** tinyproxy takes no port 0. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
