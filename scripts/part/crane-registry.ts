import { readFile } from 'node:fs/promises'
import { requirePart } from './locate.ts'
import { openFolder, supervise, untilReady } from './supervised.ts'
import { watched } from './watched.ts'

/** Starts `crane registry serve`, which keeps everything in memory, on a free port of 127.0.0.1. */
export async function startCraneRegistry(): Promise<{ readonly host: string; stop(): Promise<void> }> {
  const crane = await requirePart('crane')
  const { folder } = await openFolder('crane-registry')
  const command = watched([crane, 'registry', 'serve', '--address', '127.0.0.1:0'])
  const running = await supervise({ folder, command })
  let host = ''
  await untilReady(running, 'crane registry serve', async () => {
    const log = await readFile(running.errors, 'utf8').catch(() => '')
    host = /serving on (?:port )?(?:127\.0\.0\.1:)?(\d+)/.exec(log)?.[1] ?? ''
    return host !== ''
  })
  return { host: `127.0.0.1:${host}`, stop: () => running.stop() }
}
