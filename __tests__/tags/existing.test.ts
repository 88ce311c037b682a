import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/image/digest.ts'
import { formatReference, parseReference, type TagReference, tagged } from '../../src/image/reference.ts'
import type { Candidate } from '../../src/tags/candidate.ts'
import {
  decideExisting,
  type ExistingDecision,
  type ExistingTagPolicy,
  type FixedTag,
  type Intent,
  judgeBeforeWrite,
  mustReadExisting,
} from '../../src/tags/existing.ts'
import { type LiveImage, SILENT, type Told } from '../../src/tags/live.ts'

const SOURCE = 'https://github.com/acme/api'
const OWN = '90dd6032fac8bda1b6c4436a2e65de27961ed071'
const OTHER = '5f0c2ab7d1e24fd1a3ce5a53b1c3a7f9c2d4e6f8'
const A = digestOf('a')
const B = digestOf('b')
const GHCR = 'ghcr.io/acme/api'
const HUB = 'docker.io/acme/api'

const ours: Told = {
  source: SOURCE,
  version: '1.3.0',
  revision: OWN,
  created: '2026-11-21T10:00:00Z',
  request: 'r1',
}
const image = (digest = A, more: Partial<Told> = {}): LiveImage => ({ digest, told: { ...ours, ...more } })
const theirs = image(A, { revision: OTHER })

const candidate: Candidate = {
  source: SOURCE,
  release: '1.3.0',
  version: '1.3.0',
  commit: OWN,
  committed: undefined,
  built: new Date('2026-11-21T12:30:00Z'),
  isHead: undefined,
  request: 'r1',
}
const branch: Candidate = { ...candidate, release: undefined, version: 'main' }

function intent(policy: ExistingTagPolicy, more: Partial<Intent> = {}): Intent {
  return { policy, event: 'push', image: { origin: 'build' }, candidate, isRerun: false, ...more }
}

const auto = (more: Partial<Intent> = {}) => intent('auto', more)
const nightly = auto({ event: 'schedule' })
const byHand = auto({ event: 'workflow_dispatch' })
const layout = { image: { origin: 'layout', digest: A } } as const

/** Fixed tags: `reference` → what it shows; nothing when it is not there. */
function showing(live: Readonly<Record<string, LiveImage | undefined>>): readonly FixedTag[] {
  return Object.entries(live).map(([text, shown]) => ({ reference: referenceOf(text), live: shown }))
}

function referenceOf(text: string): TagReference {
  const reference = parseReference(text)
  if ('tag' in reference) return reference
  throw new Error(`${text} has no tag`)
}

/** The decision in a line: `reuse a from ghcr.io/…; missing …; kept …`. */
function inShort(decision: ExistingDecision): string {
  const list = (word: string, names: readonly TagReference[]) =>
    names.length === 0 ? '' : `; ${word} ${names.map(formatReference).join(' ')}`
  switch (decision.act) {
    case 'reuse': {
      const start = `reuse ${decision.digest === A ? 'a' : 'b'} from ${formatReference(decision.from)}`
      return `${start}${list('missing', decision.missing)}${list('kept', decision.kept)}`
    }
    case 'keep':
      return `keep${list('kept', decision.kept)}`
    case 'overwrite':
      return `overwrite${list('replaced', decision.replaced)}`
    case 'build':
    case 'fail':
      return decision.act
  }
}

function inWords(decision: ExistingDecision): string {
  if (decision.act === 'fail') return decision.message
  return decision.act === 'build' ? '' : decision.why
}

const V = `${GHCR}:1.3.0`
const VC = `${GHCR}:1.3.0-90dd603`
const SHA = `${GHCR}:sha-90dd603`
const HUB_V = `${HUB}:1.3.0`
const HUB_VC = `${HUB}:1.3.0-90dd603`
const none = undefined

describe('fixed tags before the build', () => {
  test.each<[string, Intent, Readonly<Record<string, LiveImage | undefined>>, string, string]>([
    // Nothing there
    ['a new release is built', auto(), { [V]: none, [HUB_V]: none }, 'build', ''],
    ['a run without fixed tags is built', auto(), {}, 'build', ''],
    ['a new release is built with fail', intent('fail'), { [V]: none }, 'build', ''],
    ['a new release is built with reuse, as there is nothing to take', intent('reuse'), { [V]: none }, 'build', ''],
    ['a new release is built with keep', intent('keep'), { [V]: none }, 'build', ''],
    ['a new release is built with overwrite', intent('overwrite'), { [V]: none }, 'build', ''],
    // Re-runs
    [
      'a re-run of a finished release builds nothing',
      auto(),
      { [V]: image(), [VC]: image(), [HUB_V]: image() },
      `reuse a from ${V}`,
      '1.3.0 was published from this commit',
    ],
    [
      'a release that is in one registry is completed in the other',
      auto(),
      { [V]: image(), [HUB_V]: none },
      `reuse a from ${V}; missing ${HUB_V}`,
      'from this commit',
    ],
    [
      'a release that is in the second registry only is completed in the first',
      auto(),
      { [V]: none, [HUB_V]: image() },
      `reuse a from ${HUB_V}; missing ${V}`,
      'from this commit',
    ],
    [
      'a release that lacks its tag with the commit gets it',
      auto(),
      { [V]: image(), [VC]: none, [HUB_V]: none, [HUB_VC]: none },
      `reuse a from ${V}; missing ${VC} ${HUB_V} ${HUB_VC}`,
      '',
    ],
    [
      'a re-run knows a commit that was told in short',
      auto(),
      { [V]: image(A, { revision: '90dd603' }) },
      `reuse a from ${V}`,
      '',
    ],
    [
      'a re-run knows its repository by its clone address',
      auto(),
      { [V]: image(A, { source: 'git@github.com:Acme/api.git' }) },
      `reuse a from ${V}`,
      '',
    ],
    [
      'a re-run takes what was built elsewhere from this commit',
      auto(),
      { [V]: image(A, { request: '' }) },
      `reuse a from ${V}`,
      '',
    ],
    [
      'a re-run without a build request takes what is there',
      auto({ candidate: { ...candidate, request: '' } }),
      { [V]: image() },
      `reuse a from ${V}`,
      '',
    ],
    [
      'a re-run of an image that tells no time says none',
      auto(),
      { [V]: image(A, { created: '' }) },
      `reuse a from ${V}`,
      '1.3.0 was published from this commit',
    ],
    [
      'a re-run of a push to a branch takes its commit’s image',
      auto({ candidate: branch }),
      { [`${GHCR}:main-90dd603`]: image(A, { version: 'main' }) },
      `reuse a from ${GHCR}:main-90dd603`,
      'main-90dd603 was published from this commit',
    ],
    [
      'a branch takes the image of its commit that was released',
      auto({ candidate: branch }),
      { [SHA]: image() },
      `reuse a from ${SHA}`,
      '',
    ],
    // Another image
    [
      'a version from another commit is refused',
      auto(),
      { [V]: theirs, [HUB_V]: none },
      'fail',
      `${V} exists: ${A}, created 2026-11-21 10:00 UTC, from commit 5f0c2ab; this run is of commit 90dd603`,
    ],
    [
      'a version from another commit is refused, all of them named',
      auto(),
      { [V]: theirs, [HUB_V]: theirs },
      'fail',
      `${HUB_V} exists: ${A}`,
    ],
    [
      'a version from another commit in the second registry is refused',
      auto(),
      { [V]: image(), [HUB_V]: image(B, { revision: OTHER }) },
      'fail',
      `${HUB_V} exists: ${B}`,
    ],
    [
      'a version of this commit by another request is refused',
      auto(),
      { [V]: image(A, { request: 'r2' }) },
      'fail',
      'from this commit 90dd603, but built from another request',
    ],
    [
      'a version that tells no commit is refused',
      auto(),
      { [V]: image(A, { revision: '' }) },
      'fail',
      'from a commit that it does not tell; this run is of commit 90dd603',
    ],
    [
      'a version that tells nothing is refused',
      auto(),
      { [V]: { digest: A, told: SILENT } },
      'fail',
      'which does not say when it was created, from a repository that it does not tell',
    ],
    [
      'a version from another repository is refused',
      auto(),
      { [V]: image(A, { source: 'https://example.org/base' }) },
      'fail',
      'from another repository, https://example.org/base, commit 90dd603',
    ],
    [
      'a version is refused when the commit of this run is not known',
      auto({ candidate: { ...candidate, commit: '' } }),
      { [V]: image() },
      'fail',
      'the commit of this run is not known',
    ],
    [
      'a tag of this commit with the image of another is refused',
      auto(),
      { [V]: none, [SHA]: theirs },
      'fail',
      `${SHA} exists`,
    ],
    [
      'what an image tells cannot break a line',
      auto(),
      { [V]: image(A, { revision: 'x\r\n::error::y' }) },
      'fail',
      'from commit x ::error::y;',
    ],
    // Several digests of one commit
    [
      'one version with two images is refused, both named',
      auto(),
      { [V]: image(A), [HUB_V]: image(B) },
      'fail',
      `${V} exists: ${A}, created 2026-11-21 10:00 UTC, from this commit 90dd603; ${HUB_V} exists: ${B}`,
    ],
    [
      'tags of one commit with two images: the version’s is taken, the other stays',
      auto(),
      { [SHA]: image(B), [V]: image(A), [HUB_V]: none },
      `reuse a from ${V}; missing ${HUB_V}; kept ${SHA}`,
      '',
    ],
    [
      'a release of a commit that was published as main is built',
      auto(),
      { [V]: none, [SHA]: image(B, { version: 'main' }) },
      `keep; kept ${SHA}`,
      `${SHA} stays with the image of this commit that was published as main, not as 1.3.0`,
    ],
    [
      'a re-run of that release takes its own image',
      auto(),
      { [SHA]: image(B, { version: 'main' }), [V]: image(), [HUB_V]: none },
      `reuse a from ${V}; missing ${HUB_V}; kept ${SHA}`,
      '',
    ],
    [
      'a release under its own name is taken, whatever it calls itself',
      auto(),
      { [V]: image(A, { version: 'main' }) },
      `reuse a from ${V}`,
      '',
    ],
    [
      'a release with a v and a flavor is taken, whatever it calls itself',
      auto(),
      { [`${GHCR}:v1.3.0-alpine`]: image(A, { version: 'main' }) },
      `reuse a from ${GHCR}:v1.3.0-alpine`,
      '',
    ],
    [
      'a longer version is not this release’s name',
      auto(),
      { [V]: none, [`${GHCR}:11.3.0`]: image(B, { version: 'main' }) },
      `keep; kept ${GHCR}:11.3.0`,
      'published as main',
    ],
    // Schedules and runs by hand
    [
      'a nightly rebuild leaves the version alone',
      nightly,
      { [V]: image(), [VC]: image() },
      `keep; kept ${V} ${VC}`,
      `${V}, ${VC} exist and stay`,
    ],
    [
      'a nightly rebuild leaves the version of another commit alone',
      nightly,
      { [V]: theirs },
      `keep; kept ${V}`,
      `${V} exists and stays`,
    ],
    ['a nightly rebuild writes what is missing', nightly, { [V]: image(), [HUB_V]: none }, `keep; kept ${V}`, ''],
    ['a run by hand leaves the version alone', byHand, { [V]: image() }, `keep; kept ${V}`, ''],
    [
      'a run by hand that is repeated finishes its first attempt',
      auto({ event: 'workflow_dispatch', isRerun: true }),
      { [V]: image(), [HUB_V]: none },
      `reuse a from ${V}; missing ${HUB_V}`,
      '',
    ],
    [
      'a run by hand that is repeated takes nothing from another commit',
      auto({ event: 'workflow_dispatch', isRerun: true }),
      { [V]: theirs, [HUB_V]: none },
      `keep; kept ${V}`,
      '',
    ],
    [
      'a nightly rebuild that is repeated goes on when the version is everywhere',
      auto({ event: 'schedule', isRerun: true }),
      { [V]: image(), [HUB_V]: image() },
      `keep; kept ${V} ${HUB_V}`,
      '',
    ],
    ['a schedule with fail is refused', intent('fail', { event: 'schedule' }), { [V]: image() }, 'fail', `${V} exists`],
    [
      'a schedule with reuse builds nothing',
      intent('reuse', { event: 'schedule' }),
      { [V]: theirs },
      `reuse a from ${V}`,
      '',
    ],
    [
      'a run by hand that is repeated keeps a version with two images',
      auto({ event: 'workflow_dispatch', isRerun: true }),
      { [V]: image(A), [HUB_V]: image(B), 'quay.io/acme/api:1.3.0': none },
      `keep; kept ${V} ${HUB_V}`,
      '',
    ],
    // Said by the user
    ['fail refuses even this commit’s image', intent('fail'), { [V]: image() }, 'fail', 'from this commit 90dd603'],
    [
      'reuse takes the image of another commit',
      intent('reuse'),
      { [V]: theirs, [HUB_V]: none },
      `reuse a from ${V}; missing ${HUB_V}`,
      '1.3.0 was published from commit 5f0c2ab',
    ],
    [
      'reuse takes an image that tells nothing',
      intent('reuse'),
      { [V]: { digest: A, told: SILENT } },
      `reuse a from ${V}`,
      '1.3.0 was published',
    ],
    [
      'reuse refuses one version with two images',
      intent('reuse'),
      { [V]: theirs, [HUB_V]: image(B, { revision: OTHER }) },
      'fail',
      `${HUB_V} exists: ${B}`,
    ],
    [
      'keep leaves every tag that exists',
      intent('keep'),
      { [V]: theirs, [VC]: none, [HUB_V]: image(B) },
      `keep; kept ${V} ${HUB_V}`,
      'exist and stay',
    ],
    [
      'keep stays keep when the run is repeated',
      intent('keep', { isRerun: true }),
      { [V]: image(), [HUB_V]: none },
      `keep; kept ${V}`,
      '',
    ],
    [
      'overwrite replaces every tag that exists',
      intent('overwrite'),
      { [V]: theirs, [HUB_V]: none },
      `overwrite; replaced ${V}`,
      `${V} will be replaced, because existing-tag is overwrite`,
    ],
    // A finished layout
    ['a layout that is there already is no error', auto(layout), { [V]: image(A), [HUB_V]: none }, 'build', ''],
    [
      'a layout that is there already is no error with fail',
      intent('fail', layout),
      { [V]: { digest: A, told: SILENT } },
      'build',
      '',
    ],
    [
      'a layout is refused beside another image of this commit',
      auto(layout),
      { [V]: image(B) },
      'fail',
      `${V} exists: ${B}`,
    ],
    [
      'a layout is refused beside another image on a schedule as well',
      auto({ ...layout, event: 'schedule' }),
      { [V]: image(B) },
      'fail',
      `${V} exists: ${B}`,
    ],
    [
      'a layout is refused by what differs alone',
      auto(layout),
      { [V]: image(A), [HUB_V]: image(B) },
      'fail',
      `${HUB_V} exists: ${B}`,
    ],
    [
      'a layout leaves another image alone with keep',
      intent('keep', layout),
      { [V]: image(A), [HUB_V]: image(B) },
      `keep; kept ${HUB_V}`,
      '',
    ],
    [
      'a layout replaces another image with overwrite',
      intent('overwrite', layout),
      { [V]: image(A), [HUB_V]: image(B) },
      `overwrite; replaced ${HUB_V}`,
      '',
    ],
    [
      'a layout gives way to what is there with reuse',
      intent('reuse', layout),
      { [V]: image(B), [HUB_V]: none },
      `reuse b from ${V}; missing ${HUB_V}`,
      '',
    ],
  ])('%s', (...[_name, given, live, expected, words]) => {
    const decision = decideExisting(given, showing(live))
    expect(inShort(decision)).toBe(expected)
    expect(inWords(decision)).toContain(words)
  })

  test('are refused for what is wrong, not for what is right', () => {
    const decision = decideExisting(auto(), showing({ [V]: image(), [HUB_V]: theirs }))
    expect(inWords(decision)).not.toContain(`${V} exists`)
  })

  test.each<[string, Intent, LiveImage, string]>([
    ['of another commit', auto(), theirs, 'Publish under a new version'],
    ['of another request', auto(), image(A, { request: 'r2' }), 'Build it as it was built'],
  ])('come with a way out when they are %s', (...[_name, given, live, hint]) => {
    expect(decideExisting(given, showing({ [V]: live }))).toMatchObject({ hint: expect.stringContaining(hint) })
  })

  test('come with a way out when one has two images', () => {
    const decision = decideExisting(auto(), showing({ [V]: image(A), [HUB_V]: image(B) }))
    expect(decision).toMatchObject({ hint: expect.stringContaining('One tag has two images') })
  })
})

describe('a fixed tag just before it is written', () => {
  const tag = (live: LiveImage | undefined): FixedTag => ({ reference: referenceOf(V), live })

  test.each<[string, Intent, LiveImage | undefined, string]>([
    ['is written when it is not there', auto(), none, 'write'],
    ['is done when it shows the image', auto(), image(A), 'unchanged'],
    ['is done when it shows the image, with overwrite', intent('overwrite'), image(A), 'unchanged'],
    ['is refused when another image of this commit came meanwhile', auto(), image(B), 'fail'],
    ['is refused when another image came meanwhile, with fail', intent('fail'), image(B), 'fail'],
    ['is refused when another image came meanwhile, with reuse', intent('reuse'), image(B), 'fail'],
    ['stays with keep', intent('keep'), image(B), 'keep'],
    ['stays on a schedule', nightly, image(B), 'keep'],
    ['stays in a run by hand', byHand, image(B), 'keep'],
    ['is replaced with overwrite', intent('overwrite'), image(B), 'write'],
    ['is refused with a layout', auto({ image: { origin: 'layout', digest: A } }), image(B), 'fail'],
    ['is refused with a layout on a schedule', auto({ ...layout, event: 'schedule' }), image(B), 'fail'],
  ])('%s', (...[_name, given, live, act]) => {
    expect(judgeBeforeWrite(given, tag(live), A).act).toBe(act)
  })

  test('is refused in words that name both images', () => {
    const decision = judgeBeforeWrite(auto(), tag(image(B, { revision: OTHER })), A)
    expect(decision).toEqual({
      act: 'fail',
      message: `${V} exists: ${B}, created 2026-11-21 10:00 UTC, from commit 5f0c2ab; this run is of commit 90dd603; this run has ${A} for it`,
      hint: expect.stringContaining('Run the step again'),
    })
    const given = judgeBeforeWrite(auto(layout), tag(image(B)), A)
    expect(given).toMatchObject({ hint: expect.stringContaining('Publish under a new version') })
  })

  test('is refused to an image that is promoted in words about that image', () => {
    const promoted = intent('fail', { image: { origin: 'registry', digest: A } })
    const hint =
      'Promote under a new version, or set `existing-tag`: `keep` leaves the tag alone, `overwrite` replaces it.'
    expect(judgeBeforeWrite(promoted, tag(image(B)), A)).toMatchObject({
      act: 'fail',
      message: expect.stringContaining('from the same commit 90dd603'),
      hint,
    })
    expect(decideExisting(promoted, [tag(theirs), tag(image(B, { revision: OTHER }))])).toMatchObject({
      act: 'fail',
      message: expect.stringMatching(/^(?!.*;.*;).*from commit 5f0c2ab; the image to promote is of commit 90dd603$/),
      hint,
    })
    expect(judgeBeforeWrite(promoted, tag(image(A)), A).act).toBe('unchanged')
  })
})

describe('existing images are read', () => {
  test.each<[string, Intent, LiveImage | undefined, boolean]>([
    ['not when there are none', auto(), none, false],
    ['when one is there', auto(), image(), true],
    ['for the words of a refusal', intent('fail'), image(), true],
    ['not to be kept', intent('keep'), image(), false],
    ['not to be replaced', intent('overwrite'), image(), false],
    ['not on a schedule', nightly, image(), false],
    ['in a schedule that is repeated', auto({ event: 'schedule', isRerun: true }), image(), true],
    ['not to be kept when the run is repeated', intent('keep', { isRerun: true }), image(), false],
    ['not where they are the layout', auto(layout), image(A), false],
    ['where they are not the layout', auto(layout), image(B), true],
  ])('%s', (...[_name, given, live, expected]) => {
    expect(mustReadExisting(given, showing({ [V]: live }))).toBe(expected)
  })
})

describe('whatever exists', () => {
  const lives = fc.option(
    fc
      .record({
        digest: fc.constantFrom(A, B),
        revision: fc.constantFrom(OWN, OTHER, ''),
        version: fc.constantFrom('1.3.0', 'main', ''),
        source: fc.constantFrom(SOURCE, ''),
        request: fc.constantFrom('r1', 'r2', ''),
      })
      .map(({ digest, ...more }) => image(digest, more)),
    { nil: undefined },
  )
  const repository = { registry: 'ghcr.io', path: 'acme/api' }
  const fixedTags = fc.array(
    fc.record({
      reference: fc
        .tuple(fc.constantFrom('ghcr.io', 'docker.io'), fc.constantFrom('1.3.0', 'sha-90dd603'))
        .map(([registry, tag]) => tagged({ ...repository, registry }, tag)),
      live: lives,
    }),
    { maxLength: 4 },
  )
  const intents = fc
    .record({
      policy: fc.constantFrom<ExistingTagPolicy>('auto', 'fail', 'reuse', 'keep', 'overwrite'),
      event: fc.constantFrom('push', 'schedule', 'workflow_dispatch', 'release'),
      isRerun: fc.boolean(),
      image: fc.constantFrom<Intent['image']>(
        { origin: 'build' },
        { origin: 'layout', digest: A },
        { origin: 'registry', digest: A },
      ),
    })
    .map(({ policy, ...more }) => intent(policy, more))

  test('nothing is replaced but with overwrite', () => {
    fc.assert(
      fc.property(intents, fixedTags, (given, fixed) => {
        if (decideExisting(given, fixed).act === 'overwrite') expect(given.policy).toBe('overwrite')
        for (const one of fixed) {
          const writes = judgeBeforeWrite(given, one, A).act === 'write'
          if (writes && one.live !== undefined) expect(given.policy).toBe('overwrite')
        }
      }),
    )
  })

  test('it is made without a word when nothing is there, and only then or with the same image', () => {
    fc.assert(
      fc.property(intents, fixedTags, (given, fixed) => {
        const inTheWay = fixed.some(
          ({ live }) => live !== undefined && (given.image.origin === 'build' || live.digest !== A),
        )
        expect(decideExisting(given, fixed).act === 'build').toBe(!inTheWay)
      }),
    )
  })

  test('what is reused is there, and every fixed tag shows it, lacks it or is named as kept', () => {
    fc.assert(
      fc.property(intents, fixedTags, (given, fixed) => {
        const decision = decideExisting(given, fixed)
        if (decision.act !== 'reuse') return
        expect(
          fixed.some(({ reference, live }) => reference === decision.from && live?.digest === decision.digest),
        ).toBe(true)
        for (const { reference, live } of fixed) {
          expect(decision.missing.includes(reference)).toBe(live === undefined)
          expect(decision.kept.includes(reference)).toBe(live !== undefined && live.digest !== decision.digest)
        }
      }),
    )
  })

  test('auto takes no image of another commit for a push', () => {
    fc.assert(
      fc.property(fixedTags, (fixed) => {
        const isForeign = fixed.some(({ live }) => live !== undefined && live.told.revision !== OWN)
        if (isForeign) expect(decideExisting(auto(), fixed).act).toBe('fail')
      }),
    )
  })
})
