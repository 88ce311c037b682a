/** scripts/parts [--json] [--look] [--stop] [name …] */
import { parseArgs } from 'node:util'
import { install, isPartName, locate, PART_NAMES, type PartName, PEER_NAMES, stopEverything } from './part/index.ts'

const USAGE = `Usage: scripts/parts [--json] [--look] [--stop] [name …]

Finds the real parts that tests and benchmarks need, and installs those that are not there; all of them without a name.
As root it may install packages and make a Debian root; as anybody else it touches nothing outside the cache folder.

  --json   the result as JSON on standard output, what is done on standard error
  --look   only look, install nothing
  --stop   end the engines and registries that were started from here and are still running

Names: ${PART_NAMES.join(', ')}
Only when named, for benchmarks: ${PEER_NAMES.join(', ')}
Parts are kept in $LADING_PARTS, by default lading/parts in the user's cache folder.
`

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      look: { type: 'boolean', default: false },
      stop: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (values.stop) {
    return stop()
  }
  const names = partNames(positionals)
  if (!values.look) {
    const output = values.json ? process.stderr : process.stdout
    await install(names, (line) => output.write(`${line}\n`))
  }
  return tell(names, values.json, values.look)
}

async function stop(): Promise<number> {
  const stopped = await stopEverything()
  process.stdout.write(stopped.length === 0 ? 'Nothing was running.\n' : `Stopped: ${stopped.join(', ')}\n`)
  return 0
}

function partNames(words: readonly string[]): readonly PartName[] {
  const unknown = words.find((word) => !isPartName(word))
  if (unknown !== undefined) {
    throw new Error(`There is no part called ${unknown}. The parts are: ${[...PART_NAMES, ...PEER_NAMES].join(', ')}`)
  }
  return words.length === 0 ? PART_NAMES : words.filter(isPartName)
}

/** The exit code says whether everything that was asked for is there. */
async function tell(names: readonly PartName[], json: boolean, look: boolean): Promise<number> {
  const located = await Promise.all(names.map(async (name) => ({ name, ...(await locate(name)) })))
  if (json) {
    process.stdout.write(`${JSON.stringify(located, undefined, 2)}\n`)
  } else if (look) {
    for (const one of located) {
      process.stdout.write(`${one.name}: ${one.found ? `${one.path} (${one.how})` : `absent. ${one.remedy}`}\n`)
    }
  }
  return located.every((one) => one.found) ? 0 : 1
}
