import { request } from 'node:http'
import { homedir } from 'node:os'
import path from 'node:path'

export type RunningEngine = { readonly host: string; readonly version: string; readonly containerdStore: boolean }

/** The engine that this machine's user would reach, and whether it keeps images in containerd. */
export async function runningEngine(): Promise<RunningEngine | undefined> {
  for (const host of usualHosts()) {
    const engine = await askEngine(host)
    if (engine !== undefined) {
      return engine
    }
  }
  return undefined
}

/** Asks an engine what it is; undefined when nothing answers there. */
export async function askEngine(host: string): Promise<RunningEngine | undefined> {
  const information = await get(host, '/info')
  if (information === undefined) {
    return undefined
  }
  const { ServerVersion = '', DriverStatus = [] }: Information = JSON.parse(information)
  const containerdStore = JSON.stringify(DriverStatus).includes('io.containerd.snapshotter.v1')
  return { host, version: ServerVersion, containerdStore }
}

type Information = { readonly ServerVersion?: string; readonly DriverStatus?: unknown }

function usualHosts(): readonly string[] {
  const named = process.env['DOCKER_HOST']
  if (named !== undefined && named !== '') {
    return [named]
  }
  return ['unix:///var/run/docker.sock', `unix://${path.join(homedir(), '.docker', 'run', 'docker.sock')}`]
}

async function get(host: string, target: string): Promise<string | undefined> {
  const { protocol, hostname, port, pathname } = new URL(host)
  if (protocol !== 'unix:' && protocol !== 'tcp:') {
    return undefined
  }
  const where = protocol === 'unix:' ? { socketPath: pathname } : { host: hostname, port }
  return new Promise((resolve) => {
    // Outside of a pool: a kept connection would keep the process.
    const sent = request({ ...where, path: target, agent: false, timeout: 5000 }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('end', () => resolve(answer.statusCode === 200 ? Buffer.concat(chunks).toString() : undefined))
    })
    sent.once('timeout', () => sent.destroy())
    sent.once('error', () => resolve(undefined)).end()
  })
}
