import { expect, test } from 'vitest'
import { buildCommand } from '../../src/build/buildx.ts'
import { buildRequest } from './world.ts'

const SETTINGS = {
  builder: 'mine',
  labels: {},
  annotations: {},
  directory: '/t/layout',
  metadataFile: '/t/meta.json',
  env: { PATH: '/bin' },
}
const USUAL = ['buildx', 'build', '--progress', 'plain', '--builder', 'mine']
const OUTPUT = ['--output', 'type=oci,dest=/t/layout,tar=false', '--metadata-file', '/t/meta.json']

test('buildCommand of a plain build writes a layout folder and nothing else', () => {
  expect(buildCommand(buildRequest(), SETTINGS)).toEqual({
    program: 'docker',
    args: [...USUAL, ...OUTPUT, '/src'],
    env: SETTINGS.env,
  })
})

test('buildCommand passes everything that was asked for, each value as one argument', () => {
  const build = buildRequest({
    context: 'https://github.com/acme/api.git#abc',
    file: 'docker/Dockerfile',
    target: 'app',
    platforms: ['linux/amd64', 'linux/arm64'],
    buildArgs: ['A=1 2', 'B=$(x); "y"'],
    secrets: [{ id: 'GIT_AUTH_TOKEN', file: '/t/s1' }],
    provenance: 'mode=max',
  })
  const written = { labels: { 'a.b': 'c, d' }, annotations: { 'manifest:e.f': 'g, "h"', 'index:e.f': '' } }
  expect(buildCommand(build, { ...SETTINGS, ...written }).args).toEqual([
    ...[...USUAL, ...OUTPUT],
    ...['--platform', 'linux/amd64,linux/arm64', '--label', 'a.b=c, d'],
    ...['--annotation', 'manifest:e.f=g, "h"', '--annotation', 'index:e.f='],
    ...['--build-arg', 'A=1 2', '--build-arg', 'B=$(x); "y"', '--secret', 'id=GIT_AUTH_TOKEN,src=/t/s1'],
    ...['--target', 'app', '--file', 'docker/Dockerfile', '--provenance', 'mode=max'],
    'https://github.com/acme/api.git#abc',
  ])
})

test('buildCommand quotes paths with commas and quotes, as buildx reads CSV', () => {
  const build = buildRequest({ secrets: [{ id: 'x', file: '/a,b/"c"' }] })
  const { args } = buildCommand(build, { ...SETTINGS, directory: '/a,type=local' })
  expect(args).toContain('id=x,"src=/a,b/""c"""')
  expect(args).toContain('type=oci,"dest=/a,type=local",tar=false')
})
