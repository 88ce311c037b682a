import { loginAt } from '../../__tests__/support/client.ts'
import type { AuthOption } from '../../__tests__/support/registry/auth.ts'
import { type InProcessRegistry, startRegistry } from '../../__tests__/support/registry/server.ts'
import type { User } from '../../__tests__/support/registry/user.ts'
import type { Login } from '../../src/access.ts'
import type { Dice } from './dice.ts'
import type { Place } from './judge.ts'
import { type Ground, randomPullLimit, randomRules } from './weather.ts'

/** Where an image goes, and who may bring it there. */
export type Places = AsyncDisposable & {
  readonly list: readonly Place[]
  readonly registries: readonly InProcessRegistry[]
  /** what faults have to know of each registry, in the same order */
  readonly grounds: readonly Ground[]
  readonly logins: readonly Login[]
}

const MAIN = 'acme/api'
const SIBLING = 'acme/sibling'

/** One to three registries, each with a login of its own, and sometimes two repositories of one. */
export async function openPlaces(dice: Dice): Promise<Places> {
  const rules = Array.from({ length: dice.between(1, 3) }, (_, at) => ({
    ...randomRules(dice),
    ...randomPullLimit(dice),
    auth: randomAuth(dice, usersOf(at, dice.chance(30))),
  }))
  const registries = await Promise.all(rules.map((rule) => startRegistry(rule)))
  // A second repository of the same registry shares its blobs.
  const paths = dice.chance(30) ? [MAIN, SIBLING] : [MAIN]
  const [first] = registries
  const siblings = first === undefined ? [] : paths.slice(1).map((path) => ({ registry: first, path }))
  return {
    list: [...registries.map((registry) => ({ registry, path: MAIN })), ...siblings],
    registries,
    grounds: registries.map(({ url }, at) => ({
      realm: rules[at]?.auth.kind === 'token' ? `${url.origin}/token` : undefined,
      uploadsElsewhere: rules[at]?.storage?.uploads === true,
      countsPulls: rules[at]?.pullLimit !== undefined,
      checksContent: rules[at]?.validate !== false,
    })),
    logins: registries.flatMap(({ host }, at) => loginsAt(host, rules[at]?.auth)),
    async [Symbol.asyncDispose]() {
      await Promise.all(registries.map((registry) => registry.stop()))
    },
  }
}

type Users = Readonly<Record<string, User>>

/** A user for everything, or one for each repository who may do nothing in the other one. */
function usersOf(at: number, each: boolean): Users {
  const password = `the password of registry ${at}`
  if (!each) return { [`robot-${at}`]: { password } }
  return {
    [MAIN]: { password, grants: onlyIn(MAIN) },
    [SIBLING]: { password: `${password}, too`, grants: onlyIn(SIBLING) },
  }
}

function onlyIn(path: string): NonNullable<User['grants']> {
  return ({ name, actions }) => (name === path ? actions : [])
}

function randomAuth(dice: Dice, users: Users): AuthOption {
  const anonymous = dice.chance(50) ? 'pull' : 'none'
  const realm = dice.chance(30) ? { realm: 'elsewhere' } : {}
  const token: AuthOption = { kind: 'token', users, opaque: dice.chance(30), anonymous, ...realm }
  return dice.pick<AuthOption>([{ kind: 'none' }, { kind: 'basic', users }, token])
}

function loginsAt(host: string, auth: AuthOption | undefined): readonly Login[] {
  if (auth === undefined || auth.kind === 'none') return []
  return Object.entries(auth.users).map(([name, { password, grants }]) =>
    loginAt(host, name, password, grants === undefined ? {} : { prefix: name }),
  )
}
