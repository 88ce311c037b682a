import { writeFile } from 'node:fs/promises'
import { openCache } from '../../src/cache/cache.ts'
import { openWire } from '../../src/net/wire.ts'

/**
 * What an action does that keeps a file (`INPUT_KEEP`) under a key, or brings the newest entry of a prefix to a file
 * (`INPUT_BRING`), with nothing but what its runner tells it. What came of it is written to `INPUT_NOTE`.
 */
async function step(variables: Readonly<Record<string, string | undefined>>): Promise<void> {
  const text = (name: string) => variables[`INPUT_${name}`] ?? ''
  const { signal } = new AbortController()
  const wire = openWire({
    userAgent: 'lading/test',
    signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 4,
  })
  const debug: string[] = []
  const cache = openCache({
    variables,
    wire: wire.send,
    retries: 0,
    now: () => new Date(),
    sleep: async () => undefined,
    random: Math.random,
    debug: (line) => void debug.push(line),
    mask: () => undefined,
    partSize: 100_000,
  })
  const outcome =
    text('KEEP') === ''
      ? await cache.restore({ prefixes: [text('KEY')], path: text('BRING'), limit: 1e6, signal })
      : await cache.save({ key: text('KEY'), path: text('KEEP'), signal })
  await writeFile(text('NOTE'), JSON.stringify({ outcome: outcome ?? null, debug }))
  await wire.close()
}

await step(process.env)
