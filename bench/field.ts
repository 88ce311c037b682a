import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type StartedRegistry, startRegistry } from '../scripts/part/index.ts'

/** Three registries, each with a door that is 30 ms away. */
export type Field = {
  readonly registries: readonly Place[]
  close(): Promise<void>
}

export type Place = {
  readonly registry: StartedRegistry
  /** 127.0.0.1:PORT of the far door */
  readonly farHost: string
}

const ONE_WAY = 15
const DISTANCE = fileURLToPath(new URL('distance.ts', import.meta.url))

export async function openField(): Promise<Field> {
  const opened = await Promise.all([0, 1, 2].map(() => openFar()))
  const close = async () => {
    for (const { closeDoor, registry } of opened) {
      closeDoor()
      await registry.stop()
    }
  }
  return { registries: opened, close }
}

/** One registry of this version, and its door. */
export async function openFar(version: 2 | 3 = 3): Promise<Place & { closeDoor(): void }> {
  const registry = await startRegistry(version)
  const port = registry.host.split(':').at(-1) ?? ''
  const door = spawn(process.execPath, [DISTANCE, port, String(ONE_WAY)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(door.stdout, 'data')
  return { registry, farHost: `127.0.0.1:${String(line).trim()}`, closeDoor: () => door.stdin.end() }
}
