import { describe, expect, test } from 'vitest'
import type { Candidate } from '../../src/tags/candidate.ts'
import type { Told } from '../../src/tags/live.ts'
import { SILENT } from '../../src/tags/live.ts'
import { promotedCandidate } from '../../src/tags/promoted.ts'

const PLAIN = [{ prefix: '', suffix: '' }]
const COMMIT = '5f0c2ab7d1e24fd1a3ce5a53b1c3a7f9c2d4e6f8'

const run: Candidate = {
  source: 'https://github.com/acme/api',
  release: undefined,
  version: 'stable',
  commit: '90dd6032fac8bda1b6c4436a2e65de27961ed071',
  committed: new Date('2026-11-20T10:00:00Z'),
  built: new Date('2026-11-21T12:00:00Z'),
  isHead: undefined,
  request: '',
}

const told: Told = {
  source: 'git@github.com:acme/api.git',
  version: '1.2.0',
  revision: COMMIT,
  created: '2026-11-01T08:00:00Z',
  request: 'r1',
}

describe('what is promoted', () => {
  test('is the image: its commit, its version, and when it was made', () => {
    expect(promotedCandidate(run, told, PLAIN)).toEqual({
      source: run.source,
      release: '1.2.0',
      version: '1.2.0',
      commit: COMMIT,
      committed: undefined,
      built: new Date('2026-11-01T08:00:00Z'),
      isHead: undefined,
      request: 'r1',
    })
  })

  test('is the release that it is given the name of, whatever it was built as', () => {
    const named = { ...run, release: '1.3.0', version: '1.3.0' }
    expect(promotedCandidate(named, { ...told, version: '1.3.0-rc.2' }, PLAIN)).toMatchObject({ release: '1.3.0' })
  })

  test('is no release when it was built as a branch, a date or a commit', () => {
    for (const version of ['main', '20260105', '7', 'pr-12', '']) {
      expect(promotedCandidate(run, { ...told, version }, PLAIN).release).toBeUndefined()
    }
  })

  test('is the release within the flavor', () => {
    const flavors = [...PLAIN, { prefix: '', suffix: '-alpine' }]
    expect(promotedCandidate(run, { ...told, version: '1.2.0-alpine' }, flavors).release).toBe('1.2.0-alpine')
  })

  test('of the commit of this very run was committed when that was', () => {
    expect(promotedCandidate(run, { ...told, revision: run.commit }, PLAIN).committed).toBe(run.committed)
  })

  test('of another repository, or of none, counts by its names and its age alone', () => {
    for (const source of ['', 'https://github.com/acme/base']) {
      expect(promotedCandidate(run, { ...told, source }, PLAIN)).toEqual({
        ...run,
        commit: '',
        committed: undefined,
        built: new Date('2026-11-01T08:00:00Z'),
      })
    }
    expect(promotedCandidate(run, SILENT, PLAIN).built).toBe(run.built)
  })

  test('with a revision that is no commit has none', () => {
    expect(promotedCandidate(run, { ...told, revision: 'v1.2.0' }, PLAIN).commit).toBe('')
  })
})
