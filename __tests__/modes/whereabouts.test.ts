import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readInputs } from '../../src/action/inputs.ts'
import { whereabouts } from '../../src/modes/whereabouts.ts'
import type { Environment } from '../../src/plan/environment.ts'
import { environment, folderWith, withInputs } from '../action/given.ts'
import { runOf } from './given-run.ts'

const WORKFLOW = { file: '.github/workflows/release.yml', line: 1 }
const DOCKERFILE = 'ARG V=1\nFROM golang AS build\nFROM alpine AS run\n'

/** What the report says of the image of these inputs. */
async function found(inputs: Readonly<Record<string, string>> = {}, change: Partial<Environment> = {}) {
  const around = environment({
    workspace: folderWith({ Dockerfile: DOCKERFILE, 'docker/api.df': DOCKERFILE }),
    ...change,
  })
  const { request } = await readInputs(withInputs({ images: 'ghcr.io/acme/api\nacme/api', ...inputs }), around)
  return whereabouts(runOf(request, around).run)
}

describe('the place is', () => {
  test('the FROM of what is published, in the Dockerfile of the build', async () => {
    expect((await found()).place).toEqual({ file: 'Dockerfile', line: 3 })
    expect((await found({ file: 'docker/api.df', target: 'build' })).place).toEqual({ file: 'docker/api.df', line: 2 })
  })

  test('the file that a link leads to, for nothing is shown at the link', async () => {
    const workspace = folderWith({ 'docker/real.df': DOCKERFILE })
    symlinkSync('docker/real.df', join(workspace, 'Dockerfile'))
    expect((await found({}, { workspace })).place).toEqual({ file: 'docker/real.df', line: 3 })
  })

  test('in the workspace also where that is reached by a link', async () => {
    const link = join(folderWith(), 'workspace')
    symlinkSync(folderWith({ Dockerfile: DOCKERFILE }), link)
    expect((await found({}, { workspace: link })).place).toEqual({ file: 'Dockerfile', line: 3 })
  })

  test('the workflow for a remote context and for a Dockerfile outside of the workspace', async () => {
    expect((await found({ context: 'https://github.com/acme/api.git' })).place).toEqual(WORKFLOW)
    const outside = folderWith({ Dockerfile: DOCKERFILE })
    expect((await found({ file: join(outside, 'Dockerfile') })).place).toEqual(WORKFLOW)
  })

  test('the workflow for a layout that somebody else built', async () => {
    expect((await found({ layout: '.' })).place).toEqual(WORKFLOW)
  })

  test('none when nobody knows the workflow either', async () => {
    expect(await found({ layout: '.' }, { workflow: '' })).toEqual({ image: 'acme/api' })
  })
})

describe('the image is named by', () => {
  test.each<readonly [string, Readonly<Record<string, string>>, string]>([
    ['its repository', {}, 'acme/api'],
    ['its target', { target: 'build' }, 'acme/api/build'],
    ['a Dockerfile of another name', { file: 'docker/api.df' }, 'acme/api/docker/api.df'],
    ['its suffix, as it is written', { flavor: 'suffix=-alpine-{{branch}}' }, 'acme/api/alpine-{{branch}}'],
    ['its prefix', { flavor: 'prefix=slim_' }, 'acme/api/slim'],
  ])('%s', async (_name, inputs, image) => {
    expect((await found(inputs)).image).toBe(image)
  })
})
