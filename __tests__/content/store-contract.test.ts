import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { copyGraph } from '../../src/content/copy.ts'
import { openLayout } from '../../src/content/oci-layout.ts'
import { type Client, openClient } from '../support/client.ts'
import { memoryStore } from '../support/memory-store.ts'
import type { Rules } from '../support/registry/rules.ts'
import { type InProcessRegistry, startRegistry } from '../support/registry/server.ts'
import { writeSampleLayout } from '../support/sample-layout.ts'
import { testStoreContract } from '../support/store-contract.ts'

describe('a store in memory', () => {
  testStoreContract({
    async open(name) {
      const store = memoryStore(name)
      store.takesAtOnce = (tags) => tags
      return { source: store, target: store }
    },
    checksReferences: false,
    mounts: false,
    tagsAtOnce: true,
  })
})

describe.each([
  ['as most are', {}],
  ['that takes several tags at once', { multiTag: true, apiVersion: 'root' }],
] as const)('the in-process registry %s', (_, rules: Rules) => {
  let registry: InProcessRegistry
  let client: Client
  beforeAll(async () => {
    registry = await startRegistry(rules)
    client = openClient()
  })
  afterAll(async () => {
    await client.close()
    await registry.stop()
  })

  testStoreContract({
    async open(name) {
      const remote = client.remote(`${registry.host}/contract/${name}`)
      return { source: remote, target: remote }
    },
    checksReferences: true,
    mounts: true,
    tagsAtOnce: rules.multiTag === true,
  })
})

describe('a layout as a source', () => {
  test('is copied whole, and its root is what its tag and its digest name', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'layout-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const layer = { files: { 'etc/hello': 'world' } }
    const platforms = ['linux/amd64', 'linux/arm64'].map((platform) => ({ platform, layers: [layer] }))
    const sample = await writeSampleLayout(directory, { platforms, attestations: true })
    const layout = await openLayout(directory)
    const target = memoryStore()
    const root = await layout.root()
    const copied = await copyGraph(root, { source: layout, target, signal: new AbortController().signal })
    expect(root.digest).toBe(sample.root.digest)
    // Index, two images and two attestations; two configs and one shared layer; the attestations' configs and statements.
    expect(copied).toHaveLength(12)
    expect(await layout.resolve(root.digest)).toEqual(root)
    expect(await layout.resolve('1.0')).toBeUndefined()
    expect(await target.exists(root)).toBe(true)
  })
})
