import { formatScope, type Scope } from './scope.ts'
import type { Token } from './token.ts'

/** Tokens by their scopes: each is asked for once, also when many requests want it at the same moment. */
export type TokenCache = {
  get(scopes: readonly Scope[]): Promise<Token>
  /** Forgets the token of an `Authorization` that was refused, unless another one has taken its place already. */
  drop(scopes: readonly Scope[], refused: string | undefined): Promise<void>
  isEmpty(): boolean
}

/** Renewed this long before it runs out: a request takes time to arrive. */
const MARGIN_MS = 10_000

export function tokenCache(fetch: (scopes: readonly Scope[]) => Promise<Token>, now: () => Date): TokenCache {
  const tokens = new Map<string, Promise<Token>>()

  async function get(scopes: readonly Scope[]): Promise<Token> {
    const key = keyOf(scopes)
    const held = tokens.get(key)
    if (held !== undefined) {
      const token = await held
      if (token.expires - MARGIN_MS > now().getTime()) return token
      // Several requests find the same token too old at once; only the first of them asks for a new one.
      if (tokens.get(key) !== held) return get(scopes)
    }
    const fresh = fetch(scopes)
    tokens.set(key, fresh)
    return fresh
  }

  async function drop(scopes: readonly Scope[], refused: string | undefined): Promise<void> {
    const key = keyOf(scopes)
    const held = tokens.get(key)
    const token = await held?.catch(() => undefined)
    if (token !== undefined && refused === `Bearer ${token.text}` && tokens.get(key) === held) tokens.delete(key)
  }

  return { get, drop, isEmpty: () => tokens.size === 0 }
}

function keyOf(scopes: readonly Scope[]): string {
  return scopes.map(formatScope).join(' ')
}
