import { resolve } from 'node:path'
import { LadingError } from '../error.ts'
import { parseReference } from '../image/reference.ts'
import type { Environment } from '../plan/environment.ts'
import type { BuildWish, Origin } from '../plan/request.ts'
import { kindOf } from './files.ts'
import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { readItems } from './lists.ts'
import { readBuildArgs, readSecrets, type SecretValue } from './pairs.ts'
import { readProvenance } from './provenance.ts'
import { quoted } from './quoted.ts'
import { readWord } from './single-values.ts'

/** Where the image comes from, and the secrets of the build, which are no part of the request. */
export type OriginInputs = { readonly origin: Origin; readonly secrets: readonly SecretValue[] }

const BUILD_ONLY = [
  'context',
  'file',
  'target',
  'platforms',
  'build-args',
  'secrets',
  'builder',
  'buildkit-image',
  'provenance',
  'labels',
  'labels-compat',
  'annotations',
] as const

/** A build or a finished layout; inputs of the one beside the other are mistakes. */
export async function readOrigin(form: Form, environment: Environment): Promise<OriginInputs> {
  const secrets = await readSecrets(form)
  const build = await readBuild(form, environment)
  const layout = form.text('layout').trim()
  if (layout === '')
    return {
      origin: { kind: 'build', ...build },
      secrets: [...secrets, ...ownSecret(form, build, secrets, environment)],
    }
  for (const input of BUILD_ONLY.filter((name) => form.given(name))) {
    form.mistakes.push({ input, text: 'it is for builds and cannot be used together with `layout`' })
  }
  const path = resolve(environment.workspace, layout)
  if ((await kindOf(path)) === 'absent')
    form.mistakes.push({ input: 'layout', text: `there is nothing at ${quoted(layout)}` })
  return { origin: { kind: 'layout', path }, secrets: [] }
}

async function readBuild(form: Form, environment: Environment): Promise<BuildWish> {
  const context = await readContext(form, environment)
  return {
    context,
    file: await readFile(form, environment, context),
    target: readWord(form, 'target'),
    platforms: await readPlatforms(form),
    buildArgs: await readBuildArgs(form),
    secrets: [],
    builder: readWord(form, 'builder'),
    buildkitImage: readBuildkitImage(form),
    provenance: await readProvenance(form),
  }
}

async function readContext(form: Form, environment: Environment): Promise<string> {
  const text = form.text('context').trim().replaceAll('{{defaultContext}}', defaultContext(environment))
  if (isRemote(text)) return text
  const folder = resolve(environment.workspace, text)
  // Without a layout only: with one, that `context` is there at all is the mistake to tell.
  if (form.text('layout').trim() === '' && (await kindOf(folder)) !== 'folder') {
    form.mistakes.push({ input: 'context', text: `there is no folder ${quoted(text)} in the workspace` })
  }
  return folder
}

/** As docker's actions make it: the commit, but the ref for pull requests, whose merge commit a fetch does not find. */
function defaultContext(environment: Environment): string {
  const ref = environment.ref.startsWith('refs/pull/') ? environment.ref : environment.sha
  return `${gitAddress(environment)}${ref === '' ? '' : `#${ref}`}`
}

function gitAddress(environment: Environment): string {
  return `${environment.serverUrl}/${environment.repository}.git`
}

// What buildx takes for a URL (its `build.ParseInputs` and BuildKit's `gitutil`).
function isRemote(text: string): boolean {
  return /^(?:https?|git|ssh):\/\//.test(text) || /^git@[\w.-]+:/.test(text) || text.startsWith('github.com/')
}

async function readFile(form: Form, environment: Environment, context: string): Promise<string> {
  const text = form.text('file').trim()
  if (isRemote(context) || isRemote(text)) return text
  const candidates =
    text === ''
      ? ['Dockerfile', 'dockerfile'].map((name) => resolve(context, name))
      : [resolve(environment.workspace, text)]
  const kinds = await Promise.all(candidates.map(kindOf))
  const missing = !kinds.includes('file') && form.text('layout').trim() === '' && (await kindOf(context)) === 'folder'
  if (missing) {
    const why = text === '' ? 'the context has no Dockerfile' : `there is no file ${quoted(text)} in the workspace`
    form.mistakes.push({ input: 'file', text: why })
  }
  return text === '' ? '' : resolve(environment.workspace, text)
}

async function readPlatforms(form: Form): Promise<readonly string[]> {
  const items = await readItems(form, 'platforms')
  const seen = new Set<string>()
  for (const { text, line } of items) {
    const platform = text.toLowerCase()
    if (!/^[a-z0-9][a-z0-9_.]*(?:\/[a-z0-9_.]+){0,2}$/.test(platform)) {
      form.mistakes.push({ input: 'platforms', line, text: `${quoted(text)} is not a platform such as linux/arm64` })
    } else if (seen.has(platform)) {
      form.mistakes.push({ input: 'platforms', line, text: `${platform} is there twice` })
    }
    seen.add(platform)
  }
  return [...seen]
}

function readBuildkitImage(form: Form): string {
  const text = form.text('buildkit-image').trim()
  checkReference(form, 'buildkit-image', { text })
  return text
}

/** Complains when a text is no image reference. */
export function checkReference(
  form: Form,
  input: InputName,
  item: { readonly text: string; readonly line?: number },
): void {
  try {
    parseReference(item.text)
  } catch (thrown) {
    if (!(thrown instanceof LadingError)) throw thrown
    form.mistakes.push({ input, ...(item.line === undefined ? {} : { line: item.line }), text: thrown.message })
  }
}

/**
 * The job's token for the git context of this very repository, as in build-push-action. It is named for its host
 * (BuildKit, "GIT_AUTH_TOKEN.<host>"), so that a submodule elsewhere is not offered it.
 */
function ownSecret(
  form: Form,
  build: BuildWish,
  secrets: readonly SecretValue[],
  environment: Environment,
): readonly SecretValue[] {
  const value = form.text('token').trim()
  const address = gitAddress(environment)
  const own = environment.repository !== '' && (build.context === address || build.context.startsWith(`${address}#`))
  if (!own || value === '' || secrets.some(({ id }) => /^GIT_AUTH_(?:TOKEN|HEADER)(?:\.|$)/.test(id))) return []
  return [{ id: `GIT_AUTH_TOKEN.${new URL(environment.serverUrl).host}`, value }]
}
