import { expect, test } from 'vitest'
import { shapeOf } from '../../src/build/shape.ts'
import type { BuildRequest } from '../../src/plan/request.ts'
import { buildRequest } from './world.ts'

// Each as buildx 0.29 and BuildKit make it; `parts/annotations.test.ts` asks them.
const CASES: readonly (readonly [string, Partial<BuildRequest>, boolean])[] = [
  ['nothing said', {}, false],
  ['one platform', { platforms: ['linux/arm64'] }, false],
  ['two platforms', { platforms: ['linux/amd64', 'linux/arm64'] }, true],
  ['one platform under two names', { platforms: ['linux/amd64', 'linux/x86_64'] }, false],
  ['provenance', { provenance: 'true' }, true],
  ['no provenance', { provenance: 'false' }, false],
  ['provenance with a mode', { provenance: 'mode=min' }, true],
  ['provenance that needs no index', { provenance: 'mode=min,inline-only=true' }, false],
  ['provenance that is off', { provenance: 'mode=max, disabled=1' }, false],
  ['provenance that is on', { provenance: 'mode=max,disabled=false' }, true],
  ['an index always', { buildArgs: ['BUILDKIT_MULTI_PLATFORM=1'] }, true],
  ['an index always, and then not', { buildArgs: ['BUILDKIT_MULTI_PLATFORM=1', 'BUILDKIT_MULTI_PLATFORM=0'] }, false],
  ['an argument with a like name', { buildArgs: ['MY_BUILDKIT_MULTI_PLATFORM=1'] }, false],
]

test.each(CASES)('shapeOf a build with %s', (_name, changes, isIndex) => {
  expect(shapeOf(buildRequest(changes)).isIndex).toBe(isIndex)
})

test('shapeOf names platforms as BuildKit does', () => {
  const platforms = ['linux/arm64/v8', 'linux/arm', 'linux/aarch64', 'Linux/AMD64', 'wasip1/wasm', 'linux']
  expect(shapeOf(buildRequest({ platforms })).platforms).toEqual([
    ...['linux/arm64', 'linux/arm/v7', 'linux/amd64'],
    ...['wasip1/wasm', 'linux'],
  ])
})
