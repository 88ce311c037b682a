import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { locate, type PartName } from '../scripts/part/index.ts'
import type { Command } from './measure.ts'

/** One push to be measured: a layout on disk, and where it goes. */
export type Push = {
  readonly layout: string
  /** of the layout's root */
  readonly digest: string
  /** `127.0.0.1:5000/bench/1`, one for each registry */
  readonly repositories: readonly string[]
  readonly tags: readonly string[]
  /** whether all of it is there already */
  readonly again: boolean
}

/** A program that pushes, and the commands it takes, each with the flags that serve it best. */
export type Peer = {
  readonly name: string
  readonly commands: (push: Push) => readonly Command[]
  readonly env?: (push: Push) => Readonly<Record<string, string>>
  /** commands that are started together and not one after the other */
  readonly atOnce?: boolean
  /** why it cannot be measured here */
  readonly missing?: string
}

const BARE_WRITER = fileURLToPath(new URL('bare-writer.ts', import.meta.url))

/** This action: its bundle as a process, all registries in one run. */
export function lading(bundle: string): Peer {
  return {
    name: 'Lading',
    commands: () => [[process.execPath, bundle]],
    env: ({ layout, repositories, tags }) => ({
      INPUT_IMAGES: repositories.join('\n'),
      INPUT_LAYOUT: layout,
      INPUT_TAGS: tags.map((tag) => `type=raw,value=${tag}`).join('\n'),
      INPUT_SCAN: 'off',
      // As the others do: they write over whatever a tag shows.
      'INPUT_EXISTING-TAG': 'overwrite',
      'INPUT_MOVING-TAGS': 'force',
    }),
  }
}

/** The same program with the first registry alone, as a yardstick for several. */
export function toFirst(peer: Peer): Peer {
  const narrow = (push: Push): Push => ({ ...push, repositories: push.repositories.slice(0, 1) })
  const { commands, env } = peer
  return {
    ...peer,
    name: `${peer.name}, one registry`,
    commands: (push) => commands(narrow(push)),
    ...(env === undefined ? {} : { env: (push: Push) => env(narrow(push)) }),
  }
}

export function startedAtOnce(peer: Peer): Peer {
  return { ...peer, name: `${peer.name}, started at once`, atOnce: true }
}

/** Bytes of blobs, sent without looking, checking or tagging: what the registry takes. */
export const BARE: Peer = {
  name: 'bare socket writer',
  commands: ({ layout, repositories: [to = ''] }) => [[process.execPath, BARE_WRITER, layout, to]],
}

type Line = Omit<Peer, 'commands' | 'env'> & {
  readonly part: PartName
  readonly commands: (program: string, push: Push) => readonly Command[]
}

/** The command lines of the others. What was tried and found slower stands beside them. */
const LINES: readonly Line[] = [
  {
    name: 'oras',
    part: 'oras',
    // All tags in one command. Ten at a time instead of three almost halve its time at 30 ms; -r would ask for referrers, which
    // costs two requests and finds none.
    commands: (program, { layout, digest, repositories, tags }) =>
      repositories.map((to) => [
        ...[program, 'cp', '--from-oci-layout', '--to-plain-http', '--no-tty', '--concurrency', '10'],
        ...[`${layout}@${digest}`, `${to}:${tags.join(',')}`],
      ]),
  },
  {
    name: 'imagetools',
    part: 'imagetools',
    // All tags in one command, and all registries too. The plugin is started directly, which spares the docker command.
    // By default it would wrap a single image into an index and so publish another digest than the layout's.
    commands: (program, { layout, digest, repositories, tags }) => [
      [
        ...[program, 'imagetools', 'create', '--prefer-index=false'],
        ...repositories.flatMap((to) => tags.flatMap((tag) => ['-t', `${to}:${tag}`])),
        `oci-layout://${layout}@${digest}`,
      ],
    ],
  },
  {
    name: 'regctl',
    part: 'regctl',
    // One copy for each tag; from the layout each time, which asks least when all is there. More requests at a time
    // (reqConcurrent) made no difference.
    commands: (program, { layout, digest, repositories, tags }) =>
      repositories.flatMap((to) =>
        tags.map((tag) => [
          ...[program, 'image', 'copy', '--host', `reg=${hostOf(to)},tls=disabled`],
          ...[`ocidir://${layout}@${digest}`, `${to}:${tag}`],
        ]),
      ),
  },
  {
    name: 'crane',
    part: 'crane',
    // `crane tag` sends the manifest alone and is the shortest way to a further tag, except when all is there: a push then
    // ends at the first look.
    commands: (program, { layout, repositories, tags: [first = '', ...rest], again }) =>
      repositories.flatMap((to) => [
        [program, 'push', layout, `${to}:${first}`],
        ...rest.map((tag) =>
          again ? [program, 'push', layout, `${to}:${tag}`] : [program, 'tag', `${to}:${first}`, tag],
        ),
      ]),
  },
  {
    name: 'skopeo',
    part: 'skopeo',
    // It knows one tag at a time. Without --preserve-digests it would compress the layers first.
    commands: (program, { layout, repositories, tags }) =>
      repositories.flatMap((to) =>
        tags.map((tag) => [
          ...[program, 'copy', '--insecure-policy', '--all', '--preserve-digests', '--dest-tls-verify=false'],
          ...[`oci:${layout}`, `docker://${to}:${tag}`],
        ]),
      ),
  },
]

/** The others that are on this machine, and those that are not with what to do about it. */
export async function peers(): Promise<readonly Peer[]> {
  return Promise.all(
    LINES.map(async ({ name, part, commands }): Promise<Peer> => {
      const found = await locate(part)
      return found.found
        ? { name, commands: (push) => commands(found.path, push) }
        : { name, commands: () => [], missing: `${found.why}. ${found.remedy}` }
    }),
  )
}

/** `docker push --all-tags` of an image that the engine holds: all tags in one command for each registry. */
export function dockerPush(engine: { readonly path: string; readonly env: Readonly<Record<string, string>> }): Peer {
  return {
    name: 'docker push',
    commands: ({ repositories }) =>
      repositories.map((to) => [join(engine.path, 'docker'), 'push', '--quiet', '--all-tags', to]),
    env: () => engine.env,
  }
}

function hostOf(repository: string): string {
  return repository.slice(0, repository.indexOf('/'))
}
