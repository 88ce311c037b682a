import { describe, expect, test } from 'vitest'
import { type Exception, SCANNERS } from '../../src/plan/request.ts'
import { expiredLine, ignoreFile, sortExceptions } from '../../src/scan/exceptions.ts'

function exception(changes: Partial<Exception> = {}): Exception {
  const empty = { paths: [], purls: [], statement: '', expires: '' }
  return { about: SCANNERS, id: 'CVE-1', ...empty, origin: '.trivyignore, line 1', ...changes }
}

describe('an exception', () => {
  test.each([
    ['', true],
    ['2026-11-21T12:00:00.000Z', true],
    ['2026-11-21T11:59:59.999Z', false],
  ])('with the date %j holds at noon: %s', (expires, holds) => {
    const one = exception({ expires })
    const sorted = sortExceptions([one], new Date('2026-11-21T12:00:00Z'))
    expect(sorted).toEqual(holds ? { active: [one], expired: [] } : { active: [], expired: [one] })
  })

  test('that has expired is told with its id and its date', () => {
    const line = expiredLine(exception({ id: 'CVE-1\n::error::x', expires: '2026-01-31T00:00:00.000Z' }))
    expect(line).toBe('CVE-1 ::error::x (.trivyignore, line 1) expired on 2026-01-31')
  })
})

describe('the file for Trivy', () => {
  test('has each exception in the sections that it is about, with its reason and no date', () => {
    const yaml = {
      about: ['vuln'],
      paths: ['a/*'],
      purls: ['pkg:apk/x'],
      statement: 'why',
      origin: 'a.yml, line 2',
    } as const
    const file = JSON.parse(
      ignoreFile([exception(), exception({ ...yaml, id: 'CVE-2', expires: '2026-12-31T00:00:00Z' })]),
    )
    const plain = { id: 'CVE-1', statement: '(.trivyignore, line 1)' }
    const statement = 'why (a.yml, line 2, until 2026-12-31)'
    expect(file).toEqual({
      vulnerabilities: [plain, { id: 'CVE-2', paths: ['a/*'], purls: ['pkg:apk/x'], statement }],
      secrets: [plain],
      misconfigurations: [plain],
      licenses: [plain],
    })
  })
})
