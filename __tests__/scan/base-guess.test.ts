import { describe, expect, test } from 'vitest'
import { withoutBaseGuess } from '../../src/scan/base-guess.ts'

const LAYER = { created_by: 'COPY a /' }
const COMMAND = { created_by: 'CMD ["a"]', empty_layer: true }
const OLD_COMMAND = { created_by: '/bin/sh -c #(nop)  CMD ["a"]', empty_layer: true }
const ENV = { created_by: 'ENV A=1', empty_layer: true }

function texts(history: unknown, more: object = {}): readonly string[] | undefined {
  const changed = withoutBaseGuess(JSON.stringify({ architecture: 'amd64', history, ...more }))
  if (changed === undefined) return undefined
  const { history: entries } = JSON.parse(changed)
  return entries.map((entry: { created_by?: string }) => entry.created_by ?? '')
}

describe('a configuration is left as it is', () => {
  test.each<[string, unknown]>([
    ['without a history', undefined],
    ['with a CMD at its end', [LAYER, ENV, COMMAND]],
    ['with nothing but settings', [COMMAND, ENV]],
    ['with a CMD that made a layer', [{ created_by: 'CMD x' }, LAYER]],
    ['with a history that is none', 'CMD'],
    ['with entries that are none', [null, 1, LAYER]],
  ])('%s', (_name, history) => {
    expect(texts(history)).toBeUndefined()
  })

  test.each(['', 'nonsense', '[]', 'null'])('when it is %j', (text) => {
    expect(withoutBaseGuess(text)).toBeUndefined()
  })
})

describe('a configuration is changed', () => {
  test('where a CMD has layers above it, of either builder', () => {
    expect(texts([LAYER, COMMAND, LAYER])).toEqual(['COPY a /', '# CMD ["a"]', 'COPY a /'])
    expect(texts([LAYER, OLD_COMMAND, ENV, LAYER, COMMAND])).toEqual([
      'COPY a /',
      '# /bin/sh -c #(nop)  CMD ["a"]',
      'ENV A=1',
      'COPY a /',
      '# CMD ["a"]',
    ])
  })

  test('also where keys are written so that only Go reads them', () => {
    const entry = { Created_By: 'CMD ["a"]', EMPTY_LAYER: true }
    const text = withoutBaseGuess(JSON.stringify({ History: [LAYER, entry, LAYER] })) ?? ''
    expect(JSON.parse(text)).toEqual({
      history: [LAYER, { EMPTY_LAYER: true, created_by: '# CMD ["a"]' }, LAYER],
    })
  })

  test('in nothing but that', () => {
    const config = { config: { Env: ['A=1'] }, rootfs: { diff_ids: ['x'] }, created: 'now' }
    const text = withoutBaseGuess(JSON.stringify({ ...config, history: [LAYER, COMMAND, LAYER] })) ?? ''
    expect(JSON.parse(text)).toMatchObject(config)
  })
})
