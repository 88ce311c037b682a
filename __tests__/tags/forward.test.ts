import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf, shortDigest } from '../../src/image/digest.ts'
import type { Candidate } from '../../src/tags/candidate.ts'
import {
  type Answers,
  type Decision,
  decideMove,
  type Move,
  nextQuestion,
  type Question,
} from '../../src/tags/forward.ts'
import type { Affixes, Line } from '../../src/tags/line.ts'
import type { Told } from '../../src/tags/live.ts'

const SOURCE = 'https://github.com/acme/api'
const OWN = '90dd6032fac8bda1b6c4436a2e65de27961ed071'
const OTHER = '5f0c2ab7d1e24fd1a3ce5a53b1c3a7f9c2d4e6f8'
const NOON = new Date('2026-11-21T12:00:00Z')
const EARLIER = new Date('2026-11-21T11:00:00Z')
const LATER = new Date('2026-11-21T13:00:00Z')
const LIVE = digestOf('live')
const NEW = digestOf('new')
const SHOWN = shortDigest(LIVE)

const image = (more: Partial<Told> = {}): Told => ({
  source: SOURCE,
  version: 'main',
  revision: OTHER,
  created: EARLIER.toISOString(),
  request: '',
  ...more,
})
const released = (version: string, more: Partial<Told> = {}) => image({ version, ...more })
/** An image that says nothing, and one that has only what its base says. */
const silent = image({ source: '', version: '', revision: '', created: '' })
const fromUbuntu = image({ source: 'https://git.launchpad.net/ubuntu', version: '24.04', revision: '' })

const build = (more: Partial<Candidate> = {}): Candidate => ({
  source: SOURCE,
  release: undefined,
  version: 'main',
  commit: OWN,
  committed: NOON,
  built: NOON,
  isHead: undefined,
  request: '',
  ...more,
})
const release = (version: string, more: Partial<Candidate> = {}) => build({ release: version, version, ...more })
const head = build({ isHead: true })
const notHead = build({ isHead: false })

type Given = { readonly told?: Told; readonly affixes?: Affixes; readonly line?: Line } & Answers &
  Partial<Pick<Move, 'policy' | 'digest' | 'live'>>

/** A tag beside a candidate; `told` is what its image tells, and the rest what was asked. */
function move(name: string, candidate: Candidate, given: Given = {}): Move {
  const { told, affixes = { prefix: '', suffix: '' }, line = lineOf(name), policy = 'forward', ...rest } = given
  const { digest, head: isHead, kinship, committed, tags } = rest
  const answers = {
    ...(isHead === undefined ? {} : { head: isHead }),
    ...(kinship === undefined ? {} : { kinship }),
    ...(committed === undefined ? {} : { committed }),
    ...(tags === undefined ? {} : { tags }),
  }
  const live = 'live' in given ? given.live : { digest: LIVE, ...(told === undefined ? {} : { told }) }
  return { tag: { name, line }, candidate, digest, live, affixes, policy, answers }
}

function lineOf(name: string): Line {
  if (name.startsWith('pr-')) return 'pull-request'
  if (name === 'main') return 'branch'
  return /latest|^\d/.test(name) ? 'release' : 'other'
}

/** `moves`, `moves!` with a notice, `held` with one, `held (debug)`, `unchanged`. */
function inShort(decision: Decision): string {
  if (decision.move) return decision.say === 'notice' ? 'moves!' : 'moves'
  return decision.say === 'debug' ? `${decision.outcome} (debug)` : decision.outcome
}

const ALPINE = { prefix: '', suffix: '-alpine' }
const none = undefined

describe('a moving tag', () => {
  test.each<[string, Move, string, string]>([
    // Nothing to compare
    ['that does not exist is written', move('latest', release('1.2.3'), { live: none }), 'moves', 'new'],
    [
      'that does not exist is written for a pre-release too',
      move('latest', release('2.0.0-rc.1'), { live: none }),
      'moves',
      'new',
    ],
    [
      'that shows this image stays as it is',
      move('latest', release('1.2.3'), { digest: LIVE }),
      'unchanged',
      'shows this image already',
    ],
    [
      'that shows this image stays so by force',
      move('latest', release('1.2.3'), { digest: LIVE, policy: 'force' }),
      'unchanged',
      'shows this image already',
    ],
    [
      'goes back by force',
      move('latest', release('1.2.3'), { told: released('1.3.0'), policy: 'force' }),
      'moves',
      'because moving-tags is force',
    ],
    // Release to release
    [
      'goes to a newer patch',
      move('1.2', release('1.2.4'), { told: released('1.2.3'), digest: NEW }),
      'moves',
      'moves from 1.2.3, because 1.2.4 is newer',
    ],
    [
      'goes to a newer major',
      move('latest', release('2.0.0'), { told: released('1.9.9') }),
      'moves',
      'moves from 1.9.9',
    ],
    [
      'compares numbers, not letters',
      move('latest', release('1.10.0'), { told: released('1.9.0') }),
      'moves',
      'moves from 1.9.0',
    ],
    [
      'latest stays beside a patch for an old line',
      move('latest', release('1.2.4'), { told: released('1.3.0') }),
      'held',
      'stays at 1.3.0, which is newer than 1.2.4',
    ],
    [
      '1.2 moves for a patch of that line',
      move('1.2', release('1.2.4'), { told: released('1.2.3') }),
      'moves',
      '1.2.4 is newer',
    ],
    [
      '1 stays beside a patch for an old line',
      move('1', release('1.2.4'), { told: released('1.3.0') }),
      'held',
      '1.3.0, which is newer',
    ],
    [
      '1.2 stays in a re-run of an old tag',
      move('1.2', release('1.2.3'), { told: released('1.2.4') }),
      'held',
      '1.2.4, which is newer than 1.2.3',
    ],
    [
      'reads a v in the label',
      move('latest', release('1.2.4'), { told: released('v1.3.0') }),
      'held',
      'stays at 1.3.0',
    ],
    [
      'reads a v in the candidate',
      move('latest', release('v1.3.1'), { told: released('1.3.0') }),
      'moves',
      '1.3.1 is newer',
    ],
    // The same release again
    [
      'takes the same release built later',
      move('latest', release('1.3.0'), { told: released('1.3.0') }),
      'moves',
      'moves from an earlier build of 1.3.0',
    ],
    [
      'takes a rebuild of the same commit and release',
      move('latest', release('1.3.0'), { told: released('1.3.0', { revision: OWN }) }),
      'moves',
      'earlier build of 1.3.0',
    ],
    [
      'takes the same release built at the same time',
      move('latest', release('1.3.0'), { told: released('1.3.0', { created: NOON.toISOString() }) }),
      'moves',
      'earlier build',
    ],
    [
      'keeps the same release built later by another run',
      move('latest', release('1.3.0'), { told: released('1.3.0', { created: LATER.toISOString() }) }),
      'held',
      'stays at the build of 1.3.0 from 2026-11-21T13:00:00.000Z',
    ],
    [
      'takes the same release when nothing tells when it was built',
      move('latest', release('1.3.0'), { told: released('1.3.0', { created: '' }) }),
      'moves',
      'earlier build',
    ],
    [
      'takes the same release when its time is no time',
      move('latest', release('1.3.0'), { told: released('1.3.0', { created: 'yesterday' }) }),
      'moves',
      'earlier build',
    ],
    [
      'is not stuck with a build from the far future',
      move('latest', release('1.3.0'), { told: released('1.3.0', { created: '2099-01-01T00:00:00Z' }) }),
      'moves',
      'earlier build',
    ],
    [
      'reads equal versions with other build metadata as the same release',
      move('latest', release('1.3.0+2'), { told: released('1.3.0+1') }),
      'moves',
      'earlier build of 1.3.0',
    ],
    // Pre-releases
    [
      'latest stays at a release beside a higher pre-release',
      move('latest', release('2.0.0-rc.1'), { told: released('1.3.0') }),
      'held',
      'stays at 1.3.0: 2.0.0-rc.1 is a pre-release',
    ],
    [
      '1.3 stays at its release beside its own pre-release',
      move('1.3', release('1.3.0-rc.1'), { told: released('1.3.0') }),
      'held',
      '1.3.0-rc.1 is a pre-release',
    ],
    [
      'a name of the user stays at a release beside a pre-release',
      move('stable', release('2.0.0-rc.1'), { told: released('1.3.0') }),
      'held',
      'which moves no stable tag',
    ],
    [
      'goes from a pre-release to its release',
      move('latest', release('2.0.0'), { told: released('2.0.0-rc.2') }),
      'moves',
      'moves from 2.0.0-rc.2',
    ],
    [
      'goes from a pre-release to the next one',
      move('next', release('2.0.0-rc.10'), { told: released('2.0.0-rc.9') }),
      'moves',
      '2.0.0-rc.10 is newer',
    ],
    [
      'stays at the later pre-release',
      move('next', release('2.0.0-rc.1'), { told: released('2.0.0-rc.2') }),
      'held',
      '2.0.0-rc.2, which is newer',
    ],
    [
      'latest in the time before the first release follows the pre-releases',
      move('latest', release('0.1.0-alpha.2'), { told: released('0.1.0-alpha.1') }),
      'moves',
      '0.1.0-alpha.2 is newer',
    ],
    [
      'latest that shows a build of a branch waits for a stable release',
      move('latest', release('1.0.0-rc.1'), { told: image() }),
      'held',
      'stays at 5f0c2ab: 1.0.0-rc.1 is a pre-release',
    ],
    [
      'a name of the user goes from a build to a pre-release',
      move('next', release('1.0.0-rc.1'), { told: image() }),
      'moves',
      '1.0.0-rc.1 is a release',
    ],
    [
      'latest of an unknown image stays beside a pre-release',
      move('latest', release('1.0.0-rc.1'), { told: silent, tags: ['1.0.0-rc.1'] }),
      'held',
      'which moves no stable tag',
    ],
    // Builds and releases
    [
      'latest stays at a release beside a push of the default branch, quietly',
      move('latest', head, { told: released('1.3.0') }),
      'held (debug)',
      'stays at 1.3.0, a release, which no build of a branch replaces',
    ],
    [
      'latest stays at a pre-release beside a push as well',
      move('latest', head, { told: released('1.3.0-rc.1') }),
      'held (debug)',
      '1.3.0-rc.1',
    ],
    [
      'latest goes from a build of a branch to the first release',
      move('latest', release('1.0.0'), { told: image(), tags: ['main', 'latest'] }),
      'moves',
      'moves from 5f0c2ab, because 1.0.0 is a release',
    ],
    [
      'latest at a build of a branch stays beside a patch for an old line',
      move('latest', release('1.2.4'), { told: image(), tags: ['1.3.0', '1.2.3'] }),
      'held',
      'stays at 5f0c2ab: 1.3.0 is newer than 1.2.4',
    ],
    [
      '1.2 at a build of a branch takes the patch of its line',
      move('1.2', release('1.2.4'), { told: image(), tags: ['1.3.0', '1.2.3'] }),
      'moves',
      '1.2.4 is a release',
    ],
    [
      'latest goes from a build to a release when the tags cannot be listed',
      move('latest', release('1.2.4'), { told: image(), tags: 'unknown' }),
      'moves',
      '1.2.4 is a release',
    ],
    [
      'a branch that made a release goes on after it',
      move('main', head, { told: released('1.3.0') }),
      'moves',
      '90dd603 is the head of its branch',
    ],
    [
      'a branch that made a release is compared by commits',
      move('main', notHead, { told: released('1.3.0'), kinship: { kind: 'behind', commits: 2 } }),
      'held',
      'stays at 5f0c2ab, which is 2 commits ahead of 90dd603',
    ],
    [
      'a branch called like a version is no release',
      move('1.2', build({ version: '1.2', isHead: true }), { told: image({ version: '1.2' }), line: 'branch' }),
      'moves',
      'head of its branch',
    ],
    [
      'latest of a default branch called 17.0 follows it',
      move('latest', build({ version: '17.0', isHead: true }), { told: image({ version: '17.0' }) }),
      'moves',
      'head of its branch',
    ],
    [
      'latest follows to a new default branch called 18.0',
      move('latest', build({ version: '18.0', isHead: true }), { told: image({ version: '17.0' }) }),
      'moves',
      'head of its branch',
    ],
    [
      'a date as version is no release',
      move('latest', release('1.2.3'), { told: image({ version: '20260105' }), tags: [] }),
      'moves',
      '1.2.3 is a release',
    ],
    [
      'latest of builds that call themselves by their date follows the head',
      move('latest', head, { told: image({ version: '20260105' }) }),
      'moves',
      'head of its branch',
    ],
    [
      'shows nothing of an image that could break a line',
      move('latest', notHead, { told: image({ version: 'x\r\n::error::y', revision: '' }) }),
      'moves',
      'moves from x ::error::y, because',
    ],
    // Two builds
    [
      'follows a later commit',
      move('main', notHead, { told: image(), kinship: { kind: 'ahead', commits: 1 } }),
      'moves',
      '90dd603 is 1 commit ahead of it',
    ],
    [
      'stays when two merges end in the wrong order',
      move('main', notHead, { told: image(), kinship: { kind: 'behind', commits: 1 } }),
      'held',
      'stays at 5f0c2ab, which is 1 commit ahead of 90dd603',
    ],
    [
      'latest of the default branch stays when two merges end in the wrong order',
      move('latest', notHead, { told: image(), kinship: { kind: 'behind', commits: 1 } }),
      'held',
      '1 commit ahead of 90dd603',
    ],
    [
      'says nothing of a number that nobody counted',
      move('main', notHead, { told: image(), kinship: { kind: 'behind' } }),
      'held',
      'stays at 5f0c2ab, which is ahead of 90dd603',
    ],
    [
      'follows the head after a force-push to an older commit',
      move('main', head, { told: image(), kinship: { kind: 'behind', commits: 3 } }),
      'moves',
      '90dd603 is the head of its branch',
    ],
    [
      'latest follows the head after a force-push as well',
      move('latest', head, { told: image(), kinship: { kind: 'behind', commits: 3 } }),
      'moves',
      'head of its branch',
    ],
    [
      'pr-12 follows the head of its pull request',
      move('pr-12', head, { told: image({ version: 'pr-12' }) }),
      'moves',
      '90dd603 is the head of its pull request',
    ],
    [
      'pr-12 stays beside an older commit',
      move('pr-12', notHead, { told: image({ version: 'pr-12' }), kinship: { kind: 'behind', commits: 1 } }),
      'held',
      'stays at 5f0c2ab',
    ],
    [
      'hears from the world what the candidate does not know',
      move('main', build(), { told: image(), head: true }),
      'moves',
      'head of its branch',
    ],
    [
      'goes by ancestry when nobody knows the head',
      move('main', build(), { told: image(), head: 'unknown', kinship: { kind: 'behind' } }),
      'held',
      'stays at 5f0c2ab',
    ],
    [
      'takes a rebuild of the same commit',
      move('main', notHead, { told: image({ revision: OWN }) }),
      'moves',
      'earlier build of 90dd603',
    ],
    [
      'takes a rebuild of a commit that was told in short',
      move('main', notHead, { told: image({ revision: '90DD603' }) }),
      'moves',
      'earlier build of 90dd603',
    ],
    [
      'keeps a rebuild of the same commit that was made later',
      move('nightly', notHead, { told: image({ revision: OWN, created: LATER.toISOString() }) }),
      'held',
      'stays at the build of 90dd603',
    ],
    [
      'hears that two names are one commit',
      move('main', notHead, { told: image({ revision: 'v1' }), kinship: { kind: 'same' } }),
      'moves',
      'earlier build of 90dd603',
    ],
    [
      'goes by time when histories parted: later',
      move('main', notHead, { told: image(), kinship: { kind: 'diverged' }, committed: EARLIER }),
      'moves',
      '90dd603 was committed later',
    ],
    [
      'goes by time when histories parted: earlier',
      move('main', notHead, { told: image(), kinship: { kind: 'diverged' }, committed: LATER }),
      'held',
      'stays at 5f0c2ab, which was committed later than 90dd603',
    ],
    [
      'goes by the image when nobody knows its commit',
      move('main', notHead, {
        told: image({ created: LATER.toISOString() }),
        kinship: { kind: 'unknown' },
        committed: 'unknown',
      }),
      'held',
      'committed later',
    ],
    [
      'believes the history over the image',
      move('main', notHead, {
        told: image({ created: LATER.toISOString() }),
        kinship: { kind: 'unknown' },
        committed: EARLIER,
      }),
      'moves',
      '90dd603 was committed later',
    ],
    [
      'says that nothing tells which of two commits is later',
      move('main', notHead, { told: image({ created: '' }), kinship: { kind: 'unknown' }, committed: 'unknown' }),
      'moves!',
      'nothing tells which',
    ],
    [
      'says so for two commits of one second',
      move('main', notHead, { told: image(), kinship: { kind: 'diverged' }, committed: NOON }),
      'moves!',
      'nothing tells which',
    ],
    [
      'goes by time when our image tells no commit',
      move('main', notHead, { told: image({ revision: '', created: LATER.toISOString() }) }),
      'held',
      'stays at main, which was committed later',
    ],
    [
      'goes by time when the commit of this run is not known',
      move('main', build({ commit: '', isHead: false, committed: undefined }), { told: image() }),
      'moves!',
      'nothing tells which',
    ],
    // What an image inherits does not count
    [
      'latest with the labels of a base moves when no release is higher',
      move('latest', release('1.3.0'), { told: fromUbuntu, tags: ['1.2.3', '1.3.0', 'latest'] }),
      'moves',
      'no release of its line is newer than 1.3.0',
    ],
    [
      'latest with the labels of a base stays when a release is higher',
      move('latest', release('1.2.4'), { told: fromUbuntu, tags: ['1.2.3', '1.3.0'] }),
      'held',
      'its image comes from https://git.launchpad.net/ubuntu, and 1.3.0 is newer than 1.2.4',
    ],
    [
      '1.2 with the labels of a base looks at its own line',
      move('1.2', release('1.2.4'), { told: fromUbuntu, tags: ['1.2.3', '1.3.0'] }),
      'moves',
      'no release of its line',
    ],
    [
      '1.2 with the labels of a base stays at a higher patch',
      move('1.2', release('1.2.4'), { told: fromUbuntu, tags: ['1.2.10', '1.20.0'] }),
      'held',
      '1.2.10 is newer than 1.2.4',
    ],
    [
      '1 with the labels of a base looks at 1.*',
      move('1', release('1.2.4'), { told: silent, tags: ['1.3.0', '2.0.0', '10.0.0'] }),
      'held',
      '1.3.0 is newer',
    ],
    [
      'a name of the user with unknown labels looks at all releases',
      move('stable', release('1.2.4'), { told: silent, tags: ['2.0.0'] }),
      'held',
      '2.0.0 is newer',
    ],
    [
      'pre-releases in the list are in no way',
      move('latest', release('1.2.4'), { told: silent, tags: ['1.3.0-rc.1', '1.2.3'] }),
      'moves',
      'no release of its line',
    ],
    [
      'versions with a commit in the list are no releases',
      move('latest', release('1.2.4'), { told: silent, tags: ['1.3.0-90dd603', '1.3.0-0123456', '1.2.3'] }),
      'moves',
      'no release of its line',
    ],
    [
      'dates and commits in the list are no releases',
      move('latest', release('1.2.4'), { told: silent, tags: ['20260105', '1234567', 'sha-1234567', '1.2.3'] }),
      'moves',
      'no release of its line',
    ],
    [
      'its own release in the list tells nothing',
      move('latest', release('1.2.4'), { told: silent, tags: ['1.2.4', 'v1.2.4', 'latest'] }),
      'moves!',
      'its image tells no source and nothing else tells what is newer',
    ],
    [
      'moves with a notice when the tags cannot be listed',
      move('latest', release('1.2.4'), { told: silent, tags: 'unknown' }),
      'moves!',
      `moves from ${SHOWN}, though its image tells no source`,
    ],
    [
      'moves with a notice when the list is empty',
      move('latest', release('1.2.4'), { told: fromUbuntu, tags: [] }),
      'moves!',
      'nothing else tells',
    ],
    [
      'latest of an unknown image stays beside a push when there are releases',
      move('latest', head, { told: silent, tags: ['1.3.0'] }),
      'held',
      'there is the release 1.3.0, which no build of a branch replaces',
    ],
    [
      'latest of an unknown image moves on a push when there are none',
      move('latest', head, { told: silent, tags: ['main'] }),
      'moves!',
      'nothing else tells',
    ],
    [
      'edge of an unknown image moves beside releases',
      move('edge', notHead, { told: silent, tags: ['1.3.0'] }),
      'moves!',
      'nothing else tells',
    ],
    [
      'a branch with the labels of a base follows its head',
      move('main', head, { told: fromUbuntu }),
      'moves',
      'head of its branch',
    ],
    [
      'a branch with the labels of a base moves with a notice otherwise',
      move('main', notHead, { told: fromUbuntu }),
      'moves!',
      'its image comes from',
    ],
    [
      'another repository that released a higher version is nobody',
      move('latest', release('1.0.0'), {
        told: released('9.0.0', { source: 'https://github.com/acme/web' }),
        tags: ['0.9.0'],
      }),
      'moves',
      'no release of its line',
    ],
    // Spellings of this repository
    ...[
      `${SOURCE}.git`,
      `${SOURCE}/`,
      'https://GitHub.com/Acme/API',
      'git@github.com:acme/api.git',
      'ssh://git@github.com:22/acme/api',
      'git://github.com/acme/api.git',
      'http://x:y@github.com:80/acme/api#main',
    ].map((source): [string, Move, string, string] => [
      `knows this repository as ${source}`,
      move('latest', release('1.2.4'), { told: released('1.3.0', { source }) }),
      'held',
      'stays at 1.3.0',
    ]),
    // Flavors
    [
      'takes the suffix off the label',
      move('latest-alpine', release('1.2.4'), { told: released('1.2.3-alpine'), affixes: ALPINE }),
      'moves',
      'moves from 1.2.3, because 1.2.4 is newer',
    ],
    [
      'takes the suffix off the candidate',
      move('latest-alpine', release('1.2.4-alpine'), { told: released('1.3.0-alpine'), affixes: ALPINE }),
      'held',
      'stays at 1.3.0, which is newer than 1.2.4',
    ],
    [
      'still sees a pre-release before the suffix',
      move('latest-alpine', release('1.3.0-rc.1-alpine'), { told: released('1.2.3-alpine'), affixes: ALPINE }),
      'held',
      '1.3.0-rc.1 is a pre-release',
    ],
    [
      'takes the prefix off',
      move('alpine-latest', release('1.2.4'), {
        told: released('alpine-1.3.0'),
        affixes: { prefix: 'alpine-', suffix: '' },
      }),
      'held',
      'stays at 1.3.0',
    ],
    [
      'counts only tags of its own flavor',
      move('latest-alpine', release('1.2.4'), {
        told: silent,
        affixes: ALPINE,
        tags: ['1.3.0', '1.2.3-alpine', '1.4.0-slim'],
      }),
      'moves',
      'no release of its line',
    ],
    [
      'counts a higher release of its own flavor',
      move('latest-alpine', release('1.2.4'), { told: silent, affixes: ALPINE, tags: ['1.2.3', '1.3.0-alpine'] }),
      'held',
      '1.3.0 is newer',
    ],
    [
      '1.2-alpine looks at 1.2.*-alpine',
      move('1.2-alpine', release('1.2.4'), { told: silent, affixes: ALPINE, tags: ['1.2.3-alpine', '1.3.0-alpine'] }),
      'moves',
      'no release of its line',
    ],
    [
      'without a flavor 1.3.0-alpine is in nobody’s way',
      move('latest', release('1.2.4'), { told: silent, tags: ['1.3.0-alpine', '1.2.3'] }),
      'moves',
      'no release of its line',
    ],
    // PEP 440
    [
      'orders releases of PEP 440',
      move('latest', release('5.0.8'), { told: released('5.1') }),
      'held',
      'stays at 5.1, which is newer than 5.0.8',
    ],
    [
      'goes to a post-release',
      move('latest', release('1.2.3.post1'), { told: released('1.2.3') }),
      'moves',
      '1.2.3.post1 is newer',
    ],
    [
      'stays at a release beside a pre-release of PEP 440',
      move('latest', release('1.3.0rc1'), { told: released('1.2.3') }),
      'held',
      '1.3.0rc1 is a pre-release',
    ],
    [
      'stays at a release beside a development release',
      move('latest', release('1.3.0.dev4'), { told: released('1.2.3') }),
      'held',
      'is a pre-release',
    ],
    [
      'reads 1.0 and 1.0.0 as one release',
      move('latest', release('1.0'), { told: released('1.0.0') }),
      'moves',
      'earlier build of 1.0',
    ],
    [
      'compares an epoch first',
      move('latest', release('1!1.0'), { told: released('2026.1') }),
      'moves',
      '1!1.0 is newer',
    ],
    [
      'asks the tags when kinds cannot be compared',
      move('latest', release('1.3.0.post1'), { told: released('1.3.0-x.1'), tags: ['1.4.0'] }),
      'held',
      '1.3.0-x.1 and 1.3.0.post1 are versions of different kinds, and 1.4.0 is newer',
    ],
    [
      'says so when the tags do not help with kinds',
      move('latest', release('1.3.0.post1'), { told: released('1.3.0-x.1'), tags: [] }),
      'moves!',
      'versions of different kinds',
    ],
    [
      'says so for a release that nobody can read',
      move('latest', release('spring'), { told: released('1.3.0'), tags: ['1.3.0'] }),
      'moves!',
      'nothing orders spring',
    ],
  ])('%s', (...[_name, given, expected, why]) => {
    const decision = decideMove(given)
    expect(`${inShort(decision)}: ${decision.why}`).toContain(`${expected}: `)
    expect(decision.why).toContain(why)
    // All that the decision needs was asked for, in the case as in the world.
    expect(nextQuestion(given)).toBeUndefined()
  })
})

describe('what must be asked', () => {
  const world: Required<Answers> = { head: false, kinship: { kind: 'diverged' }, committed: EARLIER, tags: ['1.0.0'] }

  /** Asks one question after the other, as a caller does. */
  function asked(start: Move, told: Told, answers: Required<Answers> = world): readonly Question[] {
    const questions: Question[] = []
    let open = start
    for (let question = nextQuestion(open); question !== undefined; question = nextQuestion(open)) {
      expect(questions).not.toContain(question)
      questions.push(question)
      if (question === 'told') open = { ...open, live: { digest: LIVE, told } }
      else open = { ...open, answers: { ...open.answers, [question]: answers[question] } }
    }
    return questions
  }

  test.each<[string, Move, Told, readonly Question[]]>([
    ['nothing of a new tag', move('latest', release('1.0.0'), { live: none }), silent, []],
    ['nothing of one that shows the image', move('main', notHead, { digest: LIVE }), silent, []],
    ['nothing by force', move('main', notHead, { policy: 'force' }), silent, []],
    ['nothing of a branch whose head this is', move('main', head), image(), []],
    [
      'the head of a branch, and when it is another one, the image and the history',
      move('main', build()),
      image(),
      ['head', 'told', 'kinship', 'committed'],
    ],
    ['the image alone beside another release', move('latest', release('1.0.0')), released('0.9.0'), ['told']],
    ['the image alone beside a release, of a build', move('latest', build()), released('1.0.0'), ['told']],
    ['the tags when latest shows a build of a branch', move('latest', release('1.0.0')), image(), ['told', 'tags']],
    ['the tags when labels are foreign', move('latest', release('1.0.0')), fromUbuntu, ['told', 'tags']],
    ['no tags for a branch', move('main', notHead), fromUbuntu, ['told']],
    ['no head for the same commit', move('latest', build()), image({ revision: OWN }), ['told']],
    ['no history where the image tells no commit', move('latest', build()), image({ revision: '' }), ['told', 'head']],
    [
      'no times when this commit has none',
      move('main', build({ isHead: false, committed: undefined })),
      image(),
      ['told', 'kinship'],
    ],
  ])('is %s', (...[_name, start, told, questions]) => {
    expect(asked(start, told)).toEqual(questions)
  })

  test('is no more once the head is found', () => {
    expect(asked(move('main', build()), image(), { ...world, head: true })).toEqual(['head'])
    expect(asked(move('latest', build()), image(), { ...world, head: true })).toEqual(['told', 'head'])
  })

  test('counts as unknown when it was not asked', () => {
    expect(inShort(decideMove(move('latest', release('1.2.4'))))).toBe('moves!')
    expect(inShort(decideMove(move('main', build(), { told: image({ created: '' }) })))).toBe('moves!')
  })
})

describe('whatever comes', () => {
  const number = fc.nat({ max: 3 })
  const stable = fc.tuple(number, number, number).map((numbers) => numbers.join('.'))
  const semver = fc.tuple(stable, fc.constantFrom('', '-rc.1', '-rc.2', '-beta')).map(([start, end]) => start + end)
  const pep440 = fc
    .tuple(stable, fc.constantFrom('', 'rc1', 'a2', '.post1', '.dev3'))
    .map(([start, end]) => start + end)
  const names = fc.constantFrom('latest', '1', '1.2', 'main', 'pr-12', 'edge')
  const versions = fc.oneof(
    semver,
    pep440,
    fc.constantFrom('', 'main', '17.0', '20260105', '24.04', '\u001b[2J::error::x'),
  )
  const candidates = fc
    .record({ version: versions, isRelease: fc.boolean(), isHead: fc.constantFrom(true, false, undefined) })
    .map(({ version, isRelease, isHead }) => build({ version, isHead, release: isRelease ? version : undefined }))
  const tolds = fc
    .record({
      version: versions,
      source: fc.constantFrom(SOURCE, '', 'https://example.org/base'),
      revision: fc.constantFrom(OWN, OTHER, '', 'x\r\n::error::y'),
      created: fc.constantFrom('', EARLIER.toISOString(), LATER.toISOString(), '2099-01-01T00:00:00Z', 'x'),
    })
    .map((told) => image(told))
  const answers = fc.record<Required<Answers>>({
    head: fc.constantFrom<boolean | 'unknown'>(true, false, 'unknown'),
    kinship: fc.constantFrom(
      { kind: 'ahead' },
      { kind: 'behind', commits: 1 },
      { kind: 'diverged' },
      { kind: 'unknown' },
    ),
    committed: fc.constantFrom<Date | 'unknown'>(EARLIER, LATER, 'unknown'),
    tags: fc.oneof(fc.constant('unknown' as const), fc.array(versions, { maxLength: 5 })),
  })
  const cases = fc
    .record({ name: names, candidate: candidates, told: tolds, answers })
    .map(({ name, candidate, told, answers: known }) => move(name, candidate, { told, digest: NEW, ...known }))

  test('never do two releases replace each other', () => {
    for (const kind of [semver, pep440]) {
      fc.assert(
        fc.property(
          kind,
          kind,
          names.filter((name) => lineOf(name) !== 'branch' && lineOf(name) !== 'pull-request'),
          (one, other, name) => {
            const there = decideMove(move(name, release(one), { told: released(other), tags: [] }))
            const back = decideMove(move(name, release(other), { told: released(one), tags: [] }))
            expect(there.move && back.move).toBe(one === other)
          },
        ),
      )
    }
  })

  test('force moves, but what shows the image already', () => {
    fc.assert(
      fc.property(cases, (given) => {
        expect(decideMove({ ...given, policy: 'force' }).move).toBe(true)
        expect(decideMove({ ...given, policy: 'force', digest: LIVE })).toMatchObject({ outcome: 'unchanged' })
      }),
    )
  })

  test('the same digest is unchanged, and no tag is new', () => {
    fc.assert(
      fc.property(cases, (given) => {
        expect(decideMove({ ...given, digest: LIVE })).toMatchObject({ move: false, outcome: 'unchanged' })
        expect(decideMove({ ...given, live: undefined })).toMatchObject({ move: true, why: 'new' })
      }),
    )
  })

  test('a tag is never moved or held without a reason, and the reason is one plain line', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { why, move: isMoved } = decideMove(given)
        expect(why).toMatch(isMoved ? /^moves from \S.* (?:because|though|build of) ?/ : /^stays at \S/)
        expect(why).not.toMatch(/\p{Cc}/u)
      }),
    )
  })

  test('the head of a branch moves its tag', () => {
    fc.assert(
      fc.property(cases, fc.constantFrom('main', 'pr-12'), ({ answers: _asked, ...given }, name) => {
        const candidate = { ...given.candidate, isHead: true }
        expect(decideMove({ ...given, tag: { name, line: lineOf(name) }, candidate, answers: {} }).move).toBe(true)
      }),
    )
  })

  test('no build of a branch replaces a release of this repository under latest', () => {
    fc.assert(
      fc.property(cases, stable, (given, version) => {
        const candidate = { ...given.candidate, release: undefined, version: 'main' }
        const live = { digest: LIVE, told: released(version) }
        const decision = decideMove({ ...given, tag: { name: 'latest', line: 'release' }, candidate, live })
        expect(decision).toMatchObject({ move: false, outcome: 'held', say: 'debug' })
      }),
    )
  })
})
