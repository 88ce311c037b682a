import { loginAt, openClient } from '../../__tests__/support/client.ts'
import type { AuthOption } from '../../__tests__/support/registry/auth.ts'
import { startRegistry } from '../../__tests__/support/registry/server.ts'
import { deliver, type Journey, moveTags } from '../../src/content/publish.ts'
import { asLadingError } from '../../src/error.ts'
import { admit } from '../../src/image/admitted.ts'
import type { Descriptor } from '../../src/image/descriptor.ts'
import { type Dice, diceOf } from './dice.ts'
import { randomImage, type SoakImage } from './image.ts'
import {
  type Before,
  contentOf,
  forgottenSessions,
  type Place,
  shownAt,
  wrongAfterFailure,
  wrongAfterSuccess,
} from './judge.ts'
import { type Ground, lastingFault, passingFaults, RETRIES, randomRules } from './weather.ts'

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
  const lasting = dice.chance(30)
  await arm(dice, places, image, lasting)

  const failure = await publish(places.list, image, tags)
  const complaints: string[] = [...places.registries.flatMap(forgottenSessions)]
  if (failure === undefined) complaints.push(...wrongAfterSuccess(places.list, content, tags))
  else {
    if (!lasting) complaints.push(`what passes was not outlasted: ${failure.code}, ${failure.message}`)
    if (failure.code === 'INTERNAL') complaints.push(`nobody foresaw ${failure.message}`)
    complaints.push(...wrongAfterFailure(places.list, content, before))
    complaints.push(...(await finish(places, { image, tags, content })))
  }
  const story = `${content.length} pieces to ${places.list.length} repositories of ${places.registries.length} registries`
  return { seed, story, failure: failure?.code, complaints }
}

type Places = AsyncDisposable & {
  readonly list: readonly Place[]
  readonly registries: readonly Place['registry'][]
  /** what faults have to know of each of them, in the same order */
  readonly grounds: readonly Ground[]
}

async function openPlaces(dice: Dice): Promise<Places> {
  const count = dice.between(1, 3)
  const options = Array.from({ length: count }, () => ({ ...randomRules(dice), auth: randomAuth(dice) }))
  const registries = await Promise.all(options.map((option) => startRegistry(option)))
  const list = registries.map((registry) => ({ registry, path: 'acme/api' }))
  const [first] = registries
  // A second repository of the same registry shares its blobs.
  const sibling = first !== undefined && dice.chance(30) ? [{ registry: first, path: 'acme/sibling' }] : []
  return {
    list: [...list, ...sibling],
    registries,
    grounds: registries.map(({ url }, at) => ({
      realm: options[at]?.auth.kind === 'token' ? `${url.origin}/token` : undefined,
      uploadsElsewhere: options[at]?.storage?.uploads === true,
    })),
    async [Symbol.asyncDispose]() {
      await Promise.all(registries.map((registry) => registry.stop()))
    },
  }
}

function randomAuth(dice: Dice): AuthOption {
  const users = { user: { password: 'pass-word' } }
  const anonymous = dice.chance(50) ? 'pull' : 'none'
  const realm = dice.chance(30) ? { realm: 'elsewhere' } : {}
  const token: AuthOption = { kind: 'token', users, opaque: dice.chance(30), anonymous, ...realm }
  return dice.pick<AuthOption>([{ kind: 'none' }, { kind: 'basic', users }, token])
}

/** Some tags show an older image already. */
function seedTags(dice: Dice, places: readonly Place[], tags: readonly string[]): Before {
  return places.map((place) => {
    for (const tag of tags) if (dice.chance(25)) place.registry.put(place.path, { manifest: { old: tag }, tag })
    return Object.fromEntries(tags.map((tag) => [tag, shownAt(place, tag)]))
  })
}

async function arm(dice: Dice, places: Places, image: SoakImage, lasting: boolean): Promise<void> {
  const { registries, grounds } = places
  for (const [at, registry] of registries.entries()) {
    const ground = grounds[at] ?? { realm: undefined, uploadsElsewhere: false }
    for (const fault of await passingFaults(dice, image, ground)) registry.fail(fault)
  }
  const unlucky = registries[dice.between(0, registries.length - 1)]
  if (lasting) unlucky?.fail(lastingFault(dice, TAGS))
}

/** What a step does, without its log: look, bring, tag. The failure, if there is one. */
async function publish(places: readonly Place[], { source, root }: SoakImage, tags: readonly string[]) {
  await using client = openClient({
    logins: places.map(({ registry }) => loginAt(registry.host)),
    retries: RETRIES,
  })
  const signal = new AbortController().signal
  const journey: Journey = { source, signal, now: () => 0, sleep: async () => undefined, onFailure: 'abort' }
  try {
    const destinations = await Promise.all(
      places.map(async ({ registry, path }) => {
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
    const deliveries = await deliver(admit(root, 'passed'), destinations, journey)
    const outcomes = await moveTags(admit(root, 'passed'), deliveries, journey)
    const failed = outcomes.find((outcome) => outcome.outcome === 'failed')
    return failed?.outcome === 'failed' ? failed.error : undefined
  } catch (thrown) {
    return asLadingError(thrown)
  }
}

type Task = { readonly image: SoakImage; readonly tags: readonly string[]; readonly content: readonly Descriptor[] }

/** The run after a failed one, in good weather. */
async function finish({ list, registries }: Places, { image, tags, content }: Task): Promise<readonly string[]> {
  for (const registry of registries) registry.heal()
  const failure = await publish(list, image, tags)
  if (failure !== undefined) return [`the next run failed too: ${failure.code}, ${failure.message}`]
  return wrongAfterSuccess(list, content, tags).map((wrong) => `after the next run, ${wrong}`)
}

function kindOf(tag: string): 'fixed' | 'moving' {
  return tag === TAGS[0] ? 'fixed' : 'moving'
}
