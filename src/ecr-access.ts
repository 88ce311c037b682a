import type { AwsAccess, AwsLogin, Mint } from './access.ts'
import { type Ecr, openEcr, type Who } from './aws/ecr.ts'
import type { AwsPolicy } from './aws/keys.ts'
import { parseEcr } from './image/ecr-name.ts'
import type { Repository } from './image/reference.ts'
import { chooseLogin } from './registry/login-choice.ts'
import type { NamedAccess, Unnamed } from './registry/registries.ts'

/** What registries of Amazon ECR need beside the logins that everybody knows. */
export type EcrAccess = {
  /** the logins that the user named, each made when it is needed */
  readonly named: readonly Extract<NamedAccess, { mint: Mint }>[]
  unnamed(registry: string, use: 'pull' | 'push'): Unnamed | undefined
  creator(repository: Repository): (() => Promise<void>) | undefined
}

export function openEcrAccess(access: AwsAccess, policy: AwsPolicy, notice: (message: string) => void): EcrAccess {
  const ecr = openEcr(policy)
  return {
    named: access.logins.flatMap((login) => named(login, ecr)),
    unnamed(registry, use) {
      const found = parseEcr(registry)
      if (found === undefined || access.tokens === 'never') return undefined
      const isFirst = access.tokens === 'always'
      // Anybody may pull from ECR Public; nobody need wait there for a metadata service that is not there.
      const who = found.kind === 'public' && use === 'pull' && !isFirst ? 'job' : 'anywhere'
      const mint = ecr.mint(registry, who)
      if (mint === undefined) return undefined
      const mayFail = who === 'job'
      return { mint: mayFail ? forgiving(mint, registry, policy) : mint, who, isFirst }
    },
    creator(repository) {
      const { registry, path } = repository
      if (!access.createRepository || parseEcr(registry) === undefined) return undefined
      const who: Who = chooseLogin(access.logins, registry, path, 'push')?.identity ?? 'anywhere'
      return async () => {
        await ecr.create(repository, who)
        notice(`${registry}/${path} was missing and has been created (create-repository)`)
      }
    },
  }
}

function named(login: AwsLogin, ecr: Ecr): EcrAccess['named'] {
  const { registry, prefix, use, identity } = login
  const mint = ecr.mint(registry, identity)
  return mint === undefined ? [] : [{ registry, prefix, use, mint }]
}

/** Without a login, what is public can still be pulled. */
function forgiving(mint: Mint, registry: string, { debug }: AwsPolicy): Mint {
  return {
    ...mint,
    get: () =>
      mint.get().catch((error: unknown) => {
        debug(`${registry} is asked without a login: ${error instanceof Error ? error.message : String(error)}`)
        return undefined
      }),
  }
}
