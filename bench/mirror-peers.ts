import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { locate, type PartName } from '../scripts/part/index.ts'
import type { Work } from './measure.ts'

/** What is mirrored: repositories, from one registry to below a name in another one. */
export type Errand = {
  /** host and port */
  readonly source: string
  readonly target: string
  /** what the names at the target begin with */
  readonly prefix: string
  readonly repositories: readonly string[]
  /** where a program's file may lie; it outlives the errand */
  readonly folder: string
}

/** A program that mirrors, with the flags that serve it best. */
export type Mirrorer = {
  readonly name: string
  readonly role: 'own' | 'rival'
  /** makes the file that it reads, where it reads one */
  readonly work: (errand: Errand) => Promise<Work>
  /** measured once, however many runs are asked for: it takes minutes */
  readonly once?: boolean
  /** why it cannot be measured here */
  readonly missing?: string
}

export const TUNED = 'regsync, 16 requests'
export const FOUR = 'regsync, parallel: 4'

/** This action with the file that regsync gets, but for what says how fast regsync is to be. */
export function lading(entry: string): Mirrorer {
  return {
    name: 'Lading',
    role: 'own',
    async work(errand) {
      const config = await regsyncFile(errand, '')
      const env = { INPUT_CONFIG: config, GITHUB_WORKSPACE: errand.folder, INPUT_SUMMARY: 'false' }
      return { commands: [[process.execPath, entry]], env }
    },
  }
}

type Line = Pick<Mirrorer, 'name' | 'once'> & {
  readonly part: PartName
  readonly work: (program: string, errand: Errand) => Promise<Work>
}

const LINES: readonly Line[] = [
  {
    name: TUNED,
    part: 'regsync',
    work: async (program, errand) => once(program, await regsyncFile(errand, 'parallel: 16', 'reqConcurrent: 16')),
  },
  {
    name: FOUR,
    part: 'regsync',
    work: async (program, errand) => once(program, await regsyncFile(errand, 'parallel: 4')),
  },
  {
    name: 'crane copy',
    part: 'crane',
    // It knows one repository at a time. As many jobs as tags; the default is one for each core.
    work: async (program, { source, target, prefix, repositories }) => ({
      commands: repositories.map((name) => [
        ...[program, 'copy', '--insecure', '--all-tags', '--jobs', '16'],
        ...[`${source}/${name}`, `${target}/${prefix}/${name}`],
      ]),
    }),
  },
  {
    name: 'skopeo sync',
    part: 'skopeo',
    once: true,
    // The last part of each name comes after that of the target: `bench/app-07` to `…/app-07`.
    work: async (program, errand) => ({
      commands: [
        [
          ...[program, '--insecure-policy', 'sync', '--all', '--dest-tls-verify=false'],
          ...['--src', 'yaml', '--dest', 'docker'],
          ...[await skopeoFile(errand), `${errand.target}/${errand.prefix}`],
        ],
      ],
    }),
  },
]

function once(program: string, file: string): Work {
  return { commands: [[program, '--verbosity', 'warn', 'once', '--config', file]] }
}

/** The others, and for those that are not on this machine what to do about it. */
export async function mirrorers(): Promise<readonly Mirrorer[]> {
  return Promise.all(
    LINES.map(async ({ name, part, work, once = false }): Promise<Mirrorer> => {
      const found = await locate(part)
      const about = { name, role: 'rival' as const, once }
      return found.found
        ? { ...about, work: (errand) => work(found.path, errand) }
        : { ...about, work: async () => ({ commands: [] }), missing: `${found.why}. ${found.remedy}` }
    }),
  )
}

// JSON is YAML.
async function regsyncFile(errand: Errand, parallel: string, requests = ''): Promise<string> {
  const { source, target, prefix, repositories, folder } = errand
  const creds = [source, target].map((registry) => ({ registry, tls: 'disabled', ...keyed(requests) }))
  const sync = repositories.map((name) => {
    return { source: `${source}/${name}`, target: `${target}/${prefix}/${name}`, type: 'repository' }
  })
  const defaults = { skipDockerConfig: true, ...keyed(parallel) }
  const file = join(folder, `${prefix}.yml`)
  await writeFile(file, JSON.stringify({ version: 1, creds, defaults, sync }))
  return file
}

/** `parallel: 4` as an object. */
function keyed(line: string): Readonly<Record<string, number>> {
  const [key = '', number = ''] = line.split(': ')
  return line === '' ? {} : { [key]: Number(number) }
}

async function skopeoFile({ source, prefix, repositories, folder }: Errand): Promise<string> {
  const images = Object.fromEntries(repositories.map((name) => [name, []]))
  const file = join(folder, `${prefix}.skopeo.yml`)
  await writeFile(file, JSON.stringify({ [source]: { 'tls-verify': false, images } }))
  return file
}
