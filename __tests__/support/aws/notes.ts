import type { AwsOptions } from './server.ts'

/** Keys that sign requests. */
export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }

export type Reply = { readonly status: number; readonly type?: string; readonly body: string }

/** What the services of one AWS know together. */
export type Notes = {
  readonly asked: string[]
  readonly created: string[]
  /** who may sign, by the id of the keys */
  readonly known: ReadonlyMap<string, Keys>
  /** milliseconds since the epoch */
  now(): number
  /** Makes keys for a while. */
  grant(who: string): Required<Keys> & { readonly expires: string }
}

export const JOB_TOKEN = 'planted-oidc-token-5d1a'
export const REQUEST_TOKEN = 'planted-request-token-7c3e'

/** Keys that somebody gets for somebody else's name. */
export function keysOf(who: string): Required<Keys> {
  return { accessKeyId: `ASIA${who}`, secretAccessKey: `planted-secret-${who}`, sessionToken: `planted-session-${who}` }
}

export function openNotes({ keys = [], keyLife = 3600, now = Date.now }: AwsOptions): Notes {
  const known = new Map<string, Keys>(keys.map((own) => [own.accessKeyId, own]))
  return {
    asked: [],
    created: [],
    known,
    now,
    grant(who) {
      const made = keysOf(who)
      known.set(made.accessKeyId, made)
      return { ...made, expires: new Date(now() + keyLife * 1000).toISOString() }
    },
  }
}
