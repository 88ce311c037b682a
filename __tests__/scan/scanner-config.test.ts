import { describe, expect, test } from 'vitest'
import { asLadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import { configForScanner } from '../../src/scan/scanner-config.ts'

const LAYER = { created_by: 'COPY a /' }
const COMMAND = { created_by: 'CMD ["a"]', empty_layer: true }
const OLD_COMMAND = { created_by: '/bin/sh -c #(nop)  CMD ["a"]', empty_layer: true }
const ENV = { created_by: 'ENV A=1', empty_layer: true }
const [FIRST, SECOND] = [digestOf('first blob'), digestOf('second blob')]
const [A, B] = [digestOf('first tar'), digestOf('second tar')]

const copyOf = (config: object, layers = [FIRST, SECOND]) =>
  JSON.parse(configForScanner(JSON.stringify(config), layers).text)

describe('no text of the history begins as a CMD does', () => {
  const texts = (history: readonly object[]) =>
    copyOf({ history }).history.map((entry: { created_by: string }) => entry.created_by)

  test('of either builder, wherever it stands', () => {
    const history = [LAYER, OLD_COMMAND, ENV, LAYER, COMMAND]
    const safe = ['COPY a /', '# /bin/sh -c #(nop)  CMD ["a"]', 'ENV A=1', 'COPY a /', '# CMD ["a"]']
    expect(texts(history)).toEqual(safe)
  })

  test.each([
    ['an entry whose keys only Go reads', { History: [LAYER, { Created_By: 'CMD ["a"]', EMPTY_LAYER: true }, LAYER] }],
    ['a history whose name only Go reads', { hiſtory: [LAYER, COMMAND, LAYER] }],
    ['two histories, which Go merges', { history: [LAYER, COMMAND, LAYER], History: [{}, {}, {}] }],
    ['two texts, of which Go takes the one that is none', { history: [{ created_by: 'CMD', Created_By: null }] }],
  ])('in %s', (_name, config) => {
    const copy = JSON.stringify(copyOf(config))
    expect(copy).toContain('# CMD')
    expect(copy).not.toMatch(/:"CMD/)
  })

  test('and what is no history is left to the scanner', () => {
    expect(copyOf({ history: 'CMD' }).history).toBe('CMD')
    expect(copyOf({ history: [null, 1] }).history).toEqual([null, 1])
  })
})

describe('layers are named after their blobs', () => {
  test('instead of what the image says, whichever name that has', () => {
    const config = { rootfs: { diff_ids: [A, A] }, RootFS: { diff_ids: [] }, rootfſ: { type: 'x' } }
    expect(copyOf(config)).toEqual({ rootfs: { type: 'layers', diff_ids: [FIRST, SECOND] } })
  })

  test('also where the image names none, or another number of them', () => {
    expect(copyOf({}).rootfs.diff_ids).toEqual([FIRST, SECOND])
    expect(copyOf({ rootfs: { diff_ids: [A] } }).rootfs.diff_ids).toEqual([FIRST, SECOND])
    expect(copyOf({ rootfs: { diff_ids: [A] } }, []).rootfs.diff_ids).toEqual([])
  })

  test.each([
    ['as they are', { rootfs: { diff_ids: [A, B] } }, [A, B]],
    ['by the name that Go takes', { rootfs: { diff_ids: [B, B] }, ROOTFS: { Diff_IDs: [A, B] } }, [A, B]],
    ['where they are digests', { rootfs: { diff_ids: ['x', B] } }, [undefined, B]],
    ['where there are any', { rootfs: 7 }, [undefined, undefined]],
  ])('and their own names are known %s', (_name, config, own) => {
    const { diffIds } = configForScanner(JSON.stringify(config), [FIRST, SECOND])
    expect([diffIds.get(FIRST), diffIds.get(SECOND)]).toEqual(own)
  })
})

test('nothing else changes', () => {
  const config = { config: { Env: ['A=1', 'B="\\":x'] }, created: 'now', author: 'CMD' }
  expect(copyOf({ ...config, rootfs: {}, history: [LAYER] })).toMatchObject(config)
})

describe('a configuration is refused', () => {
  test.each([
    ['that is empty', '', 'is not JSON'],
    ['that is nonsense', 'nonsense', 'is not JSON'],
    ['that is a list', '[]', 'is not a JSON object'],
    ['that is null', 'null', 'is not a JSON object'],
    ['that is nested beyond all bounds', `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`, ''],
    ['with a key twice', '{"config":{"Env":["TOKEN=x"]},"config":{}}', 'has a key twice'],
    ['with a key twice within', String.raw`{"a":[{"x\"y": 1, "x\"y" : 2}]}`, 'has a key twice'],
    ['with a key twice, once in other letters', String.raw`{"config":1,"conf\u0069g":2}`, 'has a key twice'],
  ])('%s', (_name, text, why) => {
    try {
      configForScanner(text, [])
    } catch (error) {
      expect(asLadingError(error)).toMatchObject({ code: 'CONTENT_INVALID', message: expect.stringContaining(why) })
      return
    }
    throw new Error('it was not refused')
  })

  test('for no text that only looks like a key', () => {
    const env = ['"a":"a":', String.raw`\\":\"`, ':', 'a":1,"a":2']
    expect(copyOf({ config: { Env: env } }).config.Env).toEqual(env)
  })
})
