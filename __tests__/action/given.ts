import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { variableOf } from '../../src/action/input-table.ts'
import type { Environment } from '../../src/plan/environment.ts'

const made: string[] = []
afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A fresh folder with these files in it, gone after the tests. */
export function folderWith(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'given-'))
  made.push(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** The variables that a runner makes from `with:`. */
export function withInputs(inputs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [variableOf(name), value]))
}

/** A push to the default branch, in a workspace with a Dockerfile. */
export function environment(change: Partial<Environment> = {}): Environment {
  const { ref = 'refs/heads/main', sha = '90dd603000000000000000000000000000000000' } = change
  return {
    event: 'push',
    ref,
    sha,
    begun: '2026-02-03T04:05:06.789Z',
    subject: { ref, sha, baseRef: '' },
    repository: 'acme/api',
    serverUrl: 'https://github.com',
    defaultBranch: 'main',
    actor: 'octocat',
    attempt: 1,
    about: { title: 'api', description: '', url: '', license: '' },
    committed: '',
    machine: 'linux/amd64',
    system: 'linux/amd64',
    toolCache: '',
    workspace: folderWith({ Dockerfile: 'FROM scratch\n' }),
    workflow: '.github/workflows/release.yml',
    searchPath: '',
    reportDirectory: tmpdir(),
    ...change,
  }
}
