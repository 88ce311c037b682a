import { describe, expect, test } from 'vitest'
import { checkedOnTheWay } from '../../src/content/checked.ts'
import { readImage } from '../../src/content/image.ts'
import type { Remote } from '../../src/edges.ts'
import { digestOf } from '../../src/image/digest.ts'
import { MEDIA_TYPE } from '../../src/image/media-type.ts'
import { formatRepository, type Repository } from '../../src/image/reference.ts'
import { type SplitRun, splitByBase } from '../../src/modes/base-origin.ts'
import type { Scan } from '../../src/scan/scan.ts'
import { GATE, scannerIn } from '../scan/world.ts'
import { memoryStore } from '../support/memory-store.ts'

const IMAGES: readonly Repository[] = [
  { registry: 'ghcr.io', path: 'acme/api' },
  { registry: 'localhost:5000', path: 'acme/api' },
]

/** Which repositories are asked about an image that says that it is built on this one. */
async function askedFor(base: string, isClean = false): Promise<readonly string[]> {
  const store = memoryStore()
  const config = store.put('{"os":"linux","architecture":"amd64"}', 'application/vnd.oci.image.config.v1+json')
  const layer = store.put('a layer', 'application/vnd.oci.image.layer.v1.tar')
  const annotations = { 'org.opencontainers.image.base.name': base }
  const text = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [layer], annotations }
  const manifest = store.put(JSON.stringify(text), MEDIA_TYPE.ociManifest)
  const secret = { kind: 'secret', id: 'token', severity: 'HIGH', title: '', file: '/a', line: 1 } as const
  const [platform, findings] = ['linux/amd64', isClean ? [] : [{ ...secret, layer: layer.digest }]]
  const scan: Scan = {
    scanner: scannerIn('/nowhere'),
    asked: [{ platform, manifest, config, layers: [layer] }],
    platforms: [{ platform, imageId: config.digest, os: '', endOfLife: false, findings, accepted: [] }],
    rule: GATE,
    expired: [],
  }
  const cargo = { source: checkedOnTheWay(store), image: await readImage(store, manifest) }
  const asked: string[] = []
  const split = await splitByBase(scan, cargo, runThatNotes(asked))
  expect(split).toEqual(scan)
  return asked
}

/** Every repository is asked for, and none can be had. */
function runThatNotes(asked: string[]): SplitRun {
  const nothing = () => undefined
  const nowhere = (): never => {
    throw new Error('this is not asked of the world')
  }
  const remote = (repository: Repository, use: string): Remote => {
    asked.push(`${use} ${formatRepository(repository)}`)
    return nowhere()
  }
  return {
    request: { images: IMAGES },
    edges: {
      stores: { remote, layout: nowhere, download: nowhere, cache: { restore: nowhere, save: nowhere } },
      clock: { now: nowhere, sleep: nowhere, signal: new AbortController().signal },
      reporter: { debug: nothing, info: nothing, warn: nothing, notice: nothing, group: (_title, body) => body() },
    },
  }
}

describe('a base that an image names', () => {
  test.each([
    ['node:22', 'docker.io/library/node'],
    [`ghcr.io/acme/base@${digestOf('base')}`, 'ghcr.io/acme/base'],
    ['registry.corp.example:8443/base', 'registry.corp.example:8443/base'],
    ['localhost:5000/base', 'localhost:5000/base'],
  ])('%s is looked up', async (base, repository) => {
    expect(await askedFor(base)).toEqual([`pull ${repository}`])
  })

  test.each([
    'localhost/base',
    'localhost:5001/base',
    '127.0.0.1:5000/base',
    '127.1:5000/base',
    '2130706433:5000/base',
    '0x7f.1/base',
    '[::1]:5000/base',
    '[::ffff:127.0.0.1]:5000/base',
    '169.254.169.254/base',
    '10.0.0.1:443/base',
    'example.com:99999/base',
  ])('%s is not: it leads to this machine, to a bare address, or nowhere', async (base) => {
    expect(await askedFor(base)).toEqual([])
  })

  test('is not looked up when nothing was found', async () => {
    expect(await askedFor('node:22', true)).toEqual([])
  })
})
