import { afterAll, beforeAll, describe } from 'vitest'
import { need, type StartedRegistry, startRegistry } from '../../scripts/part/index.ts'
import { type Client, openClient } from '../support/client.ts'
import { testStoreContract } from '../support/store-contract.ts'

describe.each([2, 3] as const)('the real registry %i', async (version) => {
  const isThere = await need([version === 2 ? 'registry2' : 'registry3'])

  describe.skipIf(!isThere)('as a store', () => {
    let registry: StartedRegistry
    let client: Client
    beforeAll(async () => {
      registry = await startRegistry(version)
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
    })
  })
})
