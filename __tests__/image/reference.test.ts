import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LadingError } from '../../src/error.ts'
import { digestOf } from '../../src/image/digest.ts'
import {
  checkTag,
  formatReference,
  formatRepository,
  isLoopback,
  parseReference,
  parseRepository,
} from '../../src/image/reference.ts'

const DIGEST = digestOf('an image')

describe('parseRepository', () => {
  test.each([
    ['alpine', 'docker.io', 'library/alpine'],
    ['acme/api', 'docker.io', 'acme/api'],
    ['docker.io/alpine', 'docker.io', 'library/alpine'],
    ['docker.io/acme/api', 'docker.io', 'acme/api'],
    ['index.docker.io/acme/api', 'docker.io', 'acme/api'],
    ['registry-1.docker.io/acme/api', 'docker.io', 'acme/api'],
    ['ghcr.io/acme/api', 'ghcr.io', 'acme/api'],
    ['GHCR.io/acme/api', 'ghcr.io', 'acme/api'],
    ['localhost/api', 'localhost', 'api'],
    ['localhost:5000/api', 'localhost:5000', 'api'],
    ['127.0.0.1:5000/a/b/c', '127.0.0.1:5000', 'a/b/c'],
    ['[::1]:5000/api', '[::1]:5000', 'api'],
    ['host:443/api', 'host:443', 'api'],
    ['acme/my--api__x.y_z', 'docker.io', 'acme/my--api__x.y_z'],
  ])('%s is %s and %s', (text, registry, path) => {
    expect(parseRepository(text)).toEqual({ registry, path })
  })

  test.each([
    '',
    'Acme/api',
    'ghcr.io/Acme/api',
    'ghcr.io/',
    'ghcr.io//api',
    'ghcr.io/acme/api/',
    'acme/-api',
    'acme/api-',
    'acme/a..b',
    'acme/a___b',
    'acme/api name',
    'ghcr.io/../etc',
    'ghcr.io/acme/%2e%2e',
    'https://ghcr.io/acme/api',
    `ghcr.io/${'a'.repeat(256)}`,
    'ghcr.io/acme/api\n',
  ])('“%s” is refused', (text) => {
    expect(() => parseRepository(text)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }))
  })
})

describe('parseReference', () => {
  test.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['localhost:5000/api', 'localhost:5000/api:latest'],
    ['localhost:5000/api:1.0', 'localhost:5000/api:1.0'],
    [`acme/api@${DIGEST}`, `docker.io/acme/api@${DIGEST}`],
    [`acme/api:1.0@${DIGEST}`, `docker.io/acme/api@${DIGEST}`],
  ])('%s is %s', (text, formatted) => {
    expect(formatReference(parseReference(text))).toBe(formatted)
  })

  test.each([
    'acme/api:',
    'acme/api:.1',
    'acme/api:-1',
    `acme/api:${'x'.repeat(129)}`,
    'acme/api@sha256:12',
    'acme/api@',
    'a:b:c',
  ])('“%s” is refused', (text) => {
    expect(() => parseReference(text)).toThrow(LadingError)
  })

  test('never throws anything but REFERENCE_INVALID, and what it takes it takes again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9.:/@_-]{0,60}$/)), (text) => {
        try {
          const formatted = formatReference(parseReference(text))
          expect(formatReference(parseReference(formatted))).toBe(formatted)
        } catch (error) {
          expect(error).toMatchObject({ code: 'REFERENCE_INVALID' })
        }
      }),
    )
  })

  test('whatever it takes leads to a URL below its own repository', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.:/_%-]{1,40}$/), (text) => {
        try {
          const repository = parseRepository(text)
          const url = new URL(`https://${repository.registry}/v2/${repository.path}/manifests/x`)
          expect(url.pathname).toBe(`/v2/${repository.path}/manifests/x`)
          expect(formatRepository(repository)).toBe(`${repository.registry}/${repository.path}`)
        } catch (error) {
          if (!(error instanceof LadingError)) expect(text).toMatch(/:\d+\//)
        }
      }),
    )
  })
})

test.each([
  ['localhost', true],
  ['localhost:5000', true],
  ['127.0.0.1:5000', true],
  ['127.8.9.10', true],
  ['[::1]:5000', true],
  ['[::1]', true],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['128.0.0.1', false],
  ['ghcr.io', false],
])('isLoopback of %s is %s', (registry, wanted) => {
  expect(isLoopback(registry)).toBe(wanted)
})

test.each(['1.0', 'latest', '_x', 'A-b.c', 'x'.repeat(128)])('checkTag takes %s', (tag) => {
  expect(checkTag(tag)).toBe(tag)
})
