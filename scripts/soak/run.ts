import { openClient } from '../../__tests__/support/client.ts'
import { deliver, type Journey, moveTags } from '../../src/content/publish.ts'
import { asLadingError, type LadingError } from '../../src/error.ts'
import { admit } from '../../src/image/admitted.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type Dice, diceOf } from './dice.ts'
import { randomImage, type SoakImage } from './image.ts'
import {
  type Before,
  brokenTags,
  contentOf,
  forgottenSessions,
  type Place,
  shownAt,
  wrongAfterFailure,
  wrongAfterSuccess,
} from './judge.ts'
import { openPlaces, type Places } from './places.ts'
import { lastingFault, passingFaults, RETRIES } from './weather.ts'

/** How one run went: `complaints` is what should not be. */
export type SoakEnd = {
  readonly seed: number
  readonly story: string
  /** the code of its failure; `undefined` when all went well */
  readonly failure: string | undefined
  readonly complaints: readonly string[]
}

const TAGS = ['1.4.2', '1.4', 'latest'] as const

/**
 * Publishes a random image to random registries through random faults. Faults that end must be outlasted; after one that
 * does not end nothing may be half done, and the next run has to finish the work.
 */
export async function soak(seed: number): Promise<SoakEnd> {
  const dice = diceOf(seed)
  const image = randomImage(dice)
  const content = await contentOf(image.root, image.source)
  await using places = await openPlaces(dice)
  const tags = TAGS.slice(0, dice.between(1, TAGS.length))
  const before = seedTags(dice, places.list, tags)
  const unlucky = await arm(dice, places, image)
  const task: Task = { image, tags, content, onFailure: dice.chance(40) ? 'continue' : 'abort' }

  const { failure, begun } = await publish(places, task)
  const complaints: string[] = [
    ...places.registries.flatMap(forgottenSessions),
    ...brokenTags(places.list, content, tags),
  ]
  if (failure === undefined) complaints.push(...wrongAfterSuccess(places.list, content, tags))
  else {
    if (unlucky === undefined) complaints.push(`what passes was not outlasted: ${failure.code}, ${failure.message}`)
    if (failure.code === 'INTERNAL') complaints.push(`nobody foresaw ${failure.message}`)
    complaints.push(...wrongAfterFailure(places.list, content, { before, onFailure: task.onFailure }))
    // With `continue` one registry in trouble is no trouble of the others.
    const spared =
      begun && task.onFailure === 'continue' ? places.list.filter((place) => place.registry !== unlucky) : []
    complaints.push(...wrongAfterSuccess(spared, content, tags).map((wrong) => `though spared, ${wrong}`))
    complaints.push(...(await finish(places, task)))
  }
  const story = `${content.length} pieces to ${places.list.length} repositories of ${places.registries.length} registries`
  return { seed, story, failure: failure?.code, complaints }
}

/** Some tags show an older image already. */
function seedTags(dice: Dice, places: readonly Place[], tags: readonly string[]): Before {
  return places.map((place) => {
    for (const tag of tags) if (dice.chance(25)) place.registry.put(place.path, { manifest: { old: tag }, tag })
    return Object.fromEntries(tags.map((tag) => [tag, shownAt(place, tag)]))
  })
}

/** Faults for all of them; the registry whose trouble does not end, if there is one. */
async function arm(dice: Dice, places: Places, image: SoakImage): Promise<Place['registry'] | undefined> {
  const unlucky = dice.chance(30) ? dice.between(0, places.registries.length - 1) : undefined
  for (const [at, registry] of places.registries.entries()) {
    const ground = places.grounds[at]
    if (ground === undefined) continue
    for (const fault of await passingFaults(dice, image, ground)) registry.fail(fault)
    if (at === unlucky) registry.fail(lastingFault(dice, TAGS, ground))
  }
  return unlucky === undefined ? undefined : places.registries[unlucky]
}

type Task = {
  readonly image: SoakImage
  readonly tags: readonly string[]
  readonly content: readonly Descriptor[]
  readonly onFailure: Journey['onFailure']
}

/** How a publish ended: the failure, if there is one, and whether anything was written before it. */
type Published = { readonly failure: LadingError | undefined; readonly begun: boolean }

/** What a step does, without its log: look, bring, tag. */
async function publish({ list, logins }: Places, { image, tags, onFailure }: Task): Promise<Published> {
  await using client = openClient({ logins, retries: RETRIES })
  const { source, root } = image
  const signal = new AbortController().signal
  const journey: Journey = { source, signal, now: () => 0, sleep: async () => undefined, onFailure }
  let begun = false
  try {
    const destinations = await Promise.all(
      list.map(async ({ registry, path }) => {
        const target = client.remote(`${registry.host}/${path}`)
        const looked = tags.map(async (tag) => ({
          tag,
          kind: kindOf(tag),
          before: (await target.resolve(tag))?.digest,
        }))
        const all = await Promise.allSettled(looked)
        const lost = all.find((one) => one.status === 'rejected')
        if (lost !== undefined) throw lost.reason
        return { target, tags: await Promise.all(looked) }
      }),
    )
    begun = true
    const deliveries = await deliver(admit(root, 'passed'), destinations, journey)
    const outcomes = await moveTags(admit(root, 'passed'), deliveries, journey)
    const failed = outcomes.find((outcome) => outcome.outcome === 'failed')
    return { failure: failed?.outcome === 'failed' ? failed.error : undefined, begun }
  } catch (thrown) {
    return { failure: asLadingError(thrown), begun }
  }
}

/** The run after a failed one, in good weather. */
async function finish(places: Places, task: Task): Promise<readonly string[]> {
  for (const registry of places.registries) registry.heal()
  const { failure } = await publish(places, task)
  if (failure !== undefined) return [`the next run failed too: ${failure.code}, ${failure.message}`]
  return wrongAfterSuccess(places.list, task.content, task.tags).map((wrong) => `after the next run, ${wrong}`)
}

function kindOf(tag: string): 'fixed' | 'moving' {
  return tag === TAGS[0] ? 'fixed' : 'moving'
}
