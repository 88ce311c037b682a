import { describe, expect, test } from 'vitest'
import { connected } from '../support/client.ts'
import type { InProcessRegistry } from '../support/registry/server.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'

/** Two tags of one image. Its digest. */
function putTwo(registry: InProcessRegistry): string {
  const manifest = { schemaVersion: 2, mediaType: INDEX, manifests: [] }
  registry.put('acme/api', { manifest, tag: 'one', mediaType: INDEX })
  return registry.put('acme/api', { manifest, tag: 'two', mediaType: INDEX })
}

function held(registry: InProcessRegistry) {
  const { tags, manifests } = registry.create('acme/api')
  return { tags: Object.fromEntries(tags), manifests: [...manifests.keys()] }
}

function methods(registry: InProcessRegistry): string {
  return registry.requests.map(({ method }) => method).join(' ')
}

describe('a tag', () => {
  test('is deleted by its name where the registry takes that, by one request', async () => {
    const { registry, remote } = await connected()
    const digest = putTwo(registry)
    expect(await remote.deleteTag('one')).toBe('deleted')
    expect(held(registry)).toEqual({ tags: { two: digest }, manifests: [digest] })
    expect(methods(registry)).toBe('DELETE')
  })

  test('that is not there costs one request', async () => {
    const { registry, remote } = await connected()
    putTwo(registry)
    expect(await remote.deleteTag('three')).toBe('absent')
    expect(methods(registry)).toBe('DELETE')
  })

  test('is deleted with a manifest of its own where names are not taken; what other tags show stays', async () => {
    const { registry, remote } = await connected({ deletes: 'digests' })
    const digest = putTwo(registry)
    expect(await remote.deleteTag('one')).toBe('deleted')
    expect(held(registry)).toEqual({ tags: { two: digest }, manifests: [digest] })
    // By name, in vain; the look; the trial and its end; the tag's new manifest and its end.
    expect(methods(registry)).toBe('DELETE HEAD PUT DELETE PUT DELETE')
    expect(registry.requests.filter(({ reference }) => reference === digest)).toEqual([])
  })

  test('of a registry that is known costs three requests, and one when it is not there', async () => {
    const { registry, remote } = await connected({ deletes: 'digests' })
    const digest = putTwo(registry)
    await remote.deleteTag('one')
    registry.reset()
    expect(await remote.deleteTag('two')).toBe('deleted')
    expect(methods(registry)).toBe('HEAD PUT DELETE')
    expect(held(registry)).toEqual({ tags: {}, manifests: [digest] })
    registry.reset()
    expect(await remote.deleteTag('two')).toBe('absent')
    expect(methods(registry)).toBe('HEAD')
  })

  test('that is not there is not made where names are not taken', async () => {
    const { registry, remote } = await connected({ deletes: 'digests' })
    const digest = putTwo(registry)
    expect(await remote.deleteTag('three')).toBe('absent')
    expect(methods(registry)).toBe('DELETE HEAD')
    expect(held(registry).manifests).toEqual([digest])
  })

  test('stays untouched where nothing may be deleted, and the error says so', async () => {
    const { registry, remote } = await connected({ deletes: false })
    const digest = putTwo(registry)
    await expect(remote.deleteTag('one')).rejects.toMatchObject({
      code: 'CONTENT_REFUSED',
      message: expect.stringContaining('deleting the tag'),
      hint: expect.stringContaining('takes no deletions'),
    })
    expect(held(registry).tags).toEqual({ one: digest, two: digest })
    expect(registry.requests.some(({ step }) => step === 'tag-put')).toBe(false)
  })

  test('shows its image again when the deletion fails at its end', async () => {
    const { registry, remote } = await connected({ deletes: 'digests' }, { retries: 0 })
    const digest = putTwo(registry)
    registry.fail({ step: 'manifest-delete', when: { nth: 3 }, effect: { kind: 'status', status: 500 } })
    await expect(remote.deleteTag('one')).rejects.toMatchObject({ code: 'REGISTRY_BUSY' })
    expect(held(registry).tags).toEqual({ one: digest, two: digest })
  })

  test('that may not be moved is not deleted either', async () => {
    const { registry, remote } = await connected({ deletes: 'digests', immutableTags: /^one$/ })
    const digest = putTwo(registry)
    await expect(remote.deleteTag('one')).rejects.toMatchObject({ code: 'TAG_IMMUTABLE' })
    expect(held(registry).tags['one']).toBe(digest)
  })

  test('without the right to delete it is PUSH_DENIED', async () => {
    const { registry, remote } = await connected({
      faults: [{ step: 'manifest-delete', effect: { kind: 'status', status: 403 } }],
    })
    putTwo(registry)
    await expect(remote.deleteTag('one')).rejects.toMatchObject({ code: 'PUSH_DENIED' })
  })
})

describe('a token for a deletion', () => {
  const users = { user: { password: 'pass-word' } }
  const asked = (registry: InProcessRegistry) =>
    registry.requests
      .filter(({ step }) => step === 'token')
      .map(({ path }) => new URL(path, registry.url).searchParams.get('scope'))

  test('names it where the registry wants that, from then on at once', async () => {
    const { registry, remote } = await connected({ auth: { kind: 'token', users } })
    putTwo(registry)
    expect(await remote.deleteTag('one')).toBe('deleted')
    expect(await remote.deleteTag('two')).toBe('deleted')
    expect(asked(registry)).toEqual(['repository:acme/api:pull,push', 'repository:acme/api:pull,push,delete'])
    // Without a proof, with the first token, with the second one; then with the second one.
    expect(registry.requests.filter(({ step }) => step === 'manifest-delete').map(({ status }) => status)).toEqual([
      401, 401, 202, 202,
    ])
  })

  test('that is not given is PUSH_DENIED', async () => {
    const grants = () => ['pull', 'push']
    const { registry, remote } = await connected({
      auth: { kind: 'token', users: { user: { password: 'pass-word', grants } } },
    })
    putTwo(registry)
    await expect(remote.deleteTag('one')).rejects.toMatchObject({ code: 'PUSH_DENIED' })
    expect(Object.keys(held(registry).tags)).toEqual(['one', 'two'])
  })
})

test('what is made to delete a tag is a manifest of its own each time', async () => {
  const { registry, remote } = await connected({ deletes: 'digests' })
  putTwo(registry)
  registry.put('acme/api', { manifest: { schemaVersion: 2, mediaType: MANIFEST }, tag: 'three' })
  await remote.deleteTag('one')
  await remote.deleteTag('two')
  const made = registry.requests.filter(({ step, method }) => step === 'manifest-delete' && method === 'DELETE')
  const digests = made.map(({ digest }) => digest).filter((digest) => digest !== undefined)
  expect(new Set(digests).size).toBe(digests.length)
  expect(held(registry).tags).toEqual({ three: expect.any(String) })
})
