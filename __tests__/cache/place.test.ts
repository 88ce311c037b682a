import { expect, test } from 'vitest'
import { placeOf } from '../../src/cache/place.ts'

const FIRST = { ACTIONS_CACHE_URL: 'http://10.0.0.2:34567/a-path/' }
const SECOND = { ACTIONS_CACHE_SERVICE_V2: 'True', ACTIONS_RESULTS_URL: 'https://results.example/' }
const ELSEWHERE = { GITHUB_SERVER_URL: 'https://git.example' }

test.each<readonly [string, Readonly<Record<string, string>>, string | undefined]>([
  ['nothing is named', {}, undefined],
  ['both variables are empty', { ACTIONS_CACHE_URL: '', ACTIONS_RESULTS_URL: ' ' }, undefined],
  ['the second has no flag', { ACTIONS_RESULTS_URL: 'https://results.example/' }, undefined],
  ['the flag has no address', { ACTIONS_CACHE_SERVICE_V2: 'True' }, undefined],
  ['the address is none', { ACTIONS_CACHE_URL: 'file:///etc' }, undefined],
  ['the first is named', FIRST, 'v1 http://10.0.0.2:34567/a-path/'],
  ['its slash is missing', { ACTIONS_CACHE_URL: 'http://10.0.0.2:34567/a-path' }, 'v1 http://10.0.0.2:34567/a-path/'],
  ['the second is named', SECOND, 'v2 https://results.example/'],
  ['both are', { ...FIRST, ...SECOND }, 'v2 https://results.example/'],
  [
    'both are, at a tenant of GitHub',
    { ...FIRST, ...SECOND, GITHUB_SERVER_URL: 'https://acme.ghe.com' },
    'v2 https://results.example/',
  ],
  ['both are, elsewhere', { ...FIRST, ...SECOND, ...ELSEWHERE }, 'v1 http://10.0.0.2:34567/a-path/'],
  ['the second alone is, elsewhere', { ...SECOND, ...ELSEWHERE }, 'v2 https://results.example/'],
  [
    'both addresses are, without the flag',
    { ...FIRST, ACTIONS_RESULTS_URL: 'https://results.example/' },
    'v1 http://10.0.0.2:34567/a-path/',
  ],
])('when %s', (_what, variables, expected) => {
  const place = placeOf(variables)
  expect(typeof place === 'string' ? undefined : `${place.dialect} ${place.base}`).toBe(expected)
  if (expected === undefined) expect(place).toBe('the runner names no service for it')
})
