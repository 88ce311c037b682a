import { describe, expect, test } from 'vitest'
import { isSameCommit } from '../../src/tags/commit.ts'
import { isSameSource } from '../../src/tags/source.ts'

const SOURCE = 'https://github.com/acme/api'

describe('a source', () => {
  test.each([
    SOURCE,
    'https://github.com/acme/api.git',
    'https://github.com/acme/api.git/',
    ' https://GitHub.com/Acme/API// ',
    'https://github.com:443/acme/api?tab=readme#x',
    'http://user:secret@github.com/acme/api',
    'git+https://github.com/acme/api.git#v1',
    'git@github.com:acme/api.git',
    'github.com:acme/api',
    'ssh://git@github.com:2222/acme/api.git',
    'git+ssh://git@github.com/acme/api',
    'git://github.com/acme/api',
    'github.com/acme/api',
  ])('is the same as %s', (other) => {
    expect(isSameSource(SOURCE, other)).toBe(true)
    expect(isSameSource(other, SOURCE)).toBe(true)
  })

  test.each([
    '',
    ' ',
    'https://github.com/acme/api2',
    'https://github.com/acme',
    'https://github.com/acme/api/tree/main',
    'https://github.example.com/acme/api',
    'https://github.com:8443/acme/api',
    'https://evil.example/https://github.com/acme/api',
    'https://github.com@evil.example/acme/api',
    'acme/api',
    'file:///github.com/acme/api',
  ])('is another one than “%s”', (other) => {
    expect(isSameSource(SOURCE, other)).toBe(false)
    expect(isSameSource(other, SOURCE)).toBe(false)
  })

  test('that says nothing is nobody’s, not even its own', () => {
    expect(isSameSource('', '')).toBe(false)
    expect(isSameSource('#x', '?y')).toBe(false)
    expect(isSameSource('/', '/')).toBe(false)
  })
})

describe('a commit', () => {
  const commit = '90dd6032fac8bda1b6c4436a2e65de27961ed071'

  test.each<[string, boolean]>([
    [commit, true],
    ['90dd603', true],
    ['90DD6032FA', true],
    ['90dd60', false],
    ['', false],
    ['5f0c2ab', false],
  ])('and %s', (other, isSame) => {
    expect(isSameCommit(commit, other)).toBe(isSame)
    expect(isSameCommit(other, commit)).toBe(isSame)
  })
})
