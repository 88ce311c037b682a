import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Launch } from './launch.ts'

/** What is measured, by the name it has in the table. */
export type Subject = { readonly name: string; launch(): Promise<Launch> }

const BUNDLE = fileURLToPath(new URL('../dist/index.js', import.meta.url))

/** Bare node, the bundle as main and as post, and another bundle beside it; `directory` is there for their files. */
export function subjects(directory: string, beside: string | undefined): readonly Subject[] {
  const own = [
    { name: 'bare node', launch: async () => bareNode(directory) },
    { name: 'Lading', launch: async () => main(directory) },
    { name: 'Lading, post', launch: () => post(directory) },
  ]
  if (beside === undefined) return own
  const bundle = resolve(beside)
  return [
    ...own,
    { name: BESIDE, launch: async () => other(directory, bundle, 'line') },
    { name: `${BESIDE}, post`, launch: async () => other(directory, bundle, 'end') },
  ]
}

/** The name of the bundle that `--beside` names. */
export const BESIDE = 'beside'

function bareNode(directory: string): Launch {
  return { args: ['-e', 'console.log(1)'], env: surroundings(directory), directory, until: 'byte' }
}

/** A publish that is valid, with a login whose secret has to be masked first. It is killed at its first line. */
function main(directory: string): Launch {
  const inputs = {
    INPUT_IMAGES: '127.0.0.1:9/acme/api',
    INPUT_LAYOUT: 'layout',
    INPUT_REGISTRY: '127.0.0.1:9',
    INPUT_USERNAME: 'octocat',
    INPUT_PASSWORD: 'not-a-password',
  }
  return { args: [BUNDLE], env: { ...surroundings(directory), ...inputs }, directory, until: 'line' }
}

/** The post step of a run that left a folder behind. */
async function post(directory: string): Promise<Launch> {
  const scratch = join(directory, 'lading-0123456789abcdef')
  await mkdir(scratch, { recursive: true })
  await writeFile(join(scratch, 'config.json'), '{}')
  const states = { STATE_begun: 'true', STATE_scratch: scratch }
  return { args: [BUNDLE], env: { ...surroundings(directory), ...states }, directory, until: 'end' }
}

/** Started as docker/login-action is; its post step finds nothing to log out from. */
function other(directory: string, bundle: string, until: 'line' | 'end'): Launch {
  const inputs = {
    INPUT_REGISTRY: '127.0.0.1:9',
    INPUT_USERNAME: 'octocat',
    INPUT_PASSWORD: 'not-a-password',
    INPUT_ECR: 'auto',
    INPUT_LOGOUT: 'true',
  }
  const step = until === 'line' ? inputs : { STATE_isPost: 'true' }
  return { args: [bundle], env: { ...surroundings(directory), ...step }, directory, until }
}

/** As on a runner, with no program on PATH. */
function surroundings(directory: string): Readonly<Record<string, string>> {
  const files = ['OUTPUT', 'STATE', 'STEP_SUMMARY', 'ENV', 'PATH'].map((name) => [
    `GITHUB_${name}`,
    join(directory, `command-${name}`),
  ])
  return {
    ...Object.fromEntries(files),
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: 'refs/tags/v1.4.2',
    GITHUB_REPOSITORY: 'acme/api',
    GITHUB_SHA: '90dd603'.padEnd(40, '0'),
    GITHUB_WORKSPACE: directory,
    HOME: directory,
    PATH: directory,
    RUNNER_TEMP: directory,
  }
}
