import type { Credential } from '../access.ts'
import { LadingError } from '../error.ts'
import { heard } from '../net/read.ts'
import type { Response } from '../net/send.ts'
import { basic } from './token.ts'

/** The login of a registry, and who is told when it is not taken any more; without that it stays the one it is. */
export type LoginSource = {
  readonly credential: () => Promise<Credential | undefined>
  readonly refuse?: (credential: Credential) => void
}

/** Sees when a short-lived login has run out, and has it made anew. Without `refuse` nothing of it does anything. */
export type Renewal = {
  /** Whether a refusal says that the login has run out; and the answer, as if nobody had read it. */
  hear(response: Response): Promise<{ readonly ranOut: boolean; readonly response: Response }>
  /** Gives up the login of an `Authorization` that was refused. */
  refuse(proof: string | undefined): Promise<void>
  /** Another login in place of one that a token service refused. */
  other(credential: Credential | undefined, error: unknown): Promise<Credential | undefined>
}

/** The most that is read of a refusal, in bytes. */
const REFUSAL_LIMIT = 64 * 1024

export function openRenewal({ credential: ask, refuse }: LoginSource): Renewal {
  return {
    async hear(response) {
      // ECR says with a 403 that a token has run out; only its words tell that from a missing right.
      if (response.status !== 403 || refuse === undefined) return { ranOut: false, response }
      const told = await heard(response, REFUSAL_LIMIT)
      return { ranOut: /authorization token has expired/i.test(told.said), response: told.response }
    },
    async refuse(proof) {
      if (refuse === undefined || proof === undefined) return
      const credential = await ask()
      // Another one may have taken its place already.
      if (credential?.kind === 'password' && proof === basic(credential)) refuse(credential)
    },
    async other(credential, error) {
      const isRefused = error instanceof LadingError && error.code === 'LOGIN_FAILED'
      if (!isRefused || credential === undefined || refuse === undefined) return undefined
      refuse(credential)
      const other = await ask()
      return other === credential ? undefined : other
    },
  }
}
