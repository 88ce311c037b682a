import type { Credential } from '../access.ts'
import { discard } from '../net/read.ts'
import { isSameOrigin } from '../net/redirect.ts'
import type { Headers, Request, Send } from '../net/send.ts'
import type { Identity } from './identity.ts'
import { openLesson } from './lesson.ts'
import { type LoginSource, openRenewal } from './renewal.ts'
import { grantedActions, type Scope } from './scope.ts'
import { basic, fetchToken, type Token } from './token.ts'
import { tokenCache } from './token-cache.ts'

export type AuthorizeOptions = LoginSource & {
  readonly registry: { readonly name: string; readonly origin: URL }
  /** sends to token services; without credentials of its own */
  readonly send: Send
  readonly now: () => Date
  /** told of every secret that arrives, before it is used */
  readonly mask: (secret: string) => void
}

/** Proves to one registry who we are. One for each registry and login, so that what was learnt is learnt once. */
export type Authorizer = {
  /**
   * Requests for these scopes, with whatever the registry asked for so far, and once more when it asks for more. With
   * `once` not after a request that had a proof: what is only worth a try is not worth a second token.
   */
  wrap(send: Send, scopes: readonly Scope[], once?: 'once'): Send
  /**
   * What the token for a scope (or for several at once) grants of it; `undefined` when there is none or it does not tell.
   */
  granted(scope: Scope, scopes?: readonly Scope[]): Promise<readonly string[] | undefined>
  identity(): Promise<Identity>
}

export function authorizer(options: AuthorizeOptions): Authorizer {
  const tokens = tokenCache(freshToken, options.now)
  const renewal = openRenewal(options)
  const lesson = openLesson({
    origin: options.registry.origin,
    send: options.send,
    hasLogin: async () => (await options.credential()) !== undefined,
  })

  function wrap(send: Send, scopes: readonly Scope[], once?: 'once'): Send {
    return async (request) => {
      // Elsewhere nobody learns who we are: an upload may be sent to signed storage on another host.
      if (!isSameOrigin(request.url, options.registry.origin)) return send(request)
      let sent = request
      const response = await lesson.during(async () => {
        sent = await signed(request, scopes)
        return send(sent)
      })
      const isOver = once === 'once' && proofIn(sent) !== undefined
      const told = await renewal.hear(response)
      if (!(told.ranOut || (await lesson.learn(response))) || isOver) return told.response
      const again = await signedAnew(request, scopes, sent)
      if (again === undefined) return told.response
      await discard(told.response)
      return send(again)
    }
  }

  /** What was just refused is not worth a second try; a password sent twice may lock its account. */
  async function signedAnew(request: Request, scopes: readonly Scope[], sent: Request): Promise<Request | undefined> {
    await tokens.drop(scopes, proofIn(sent))
    await renewal.refuse(proofIn(sent))
    const again = await signed(request, scopes)
    return proofIn(again) === proofIn(sent) ? undefined : again
  }

  async function signed(request: Request, scopes: readonly Scope[]): Promise<Request> {
    const headers = await proof(scopes)
    return headers === undefined ? request : { ...request, headers: { ...request.headers, ...headers } }
  }

  async function proof(scopes: readonly Scope[]): Promise<Headers | undefined> {
    const challenge = lesson.challenge()
    if (challenge === undefined) return undefined
    const credential = await options.credential()
    if (credential?.kind === 'registry-token') return { authorization: `Bearer ${credential.token}` }
    if (challenge.scheme === 'basic')
      return credential?.kind === 'password' ? { authorization: basic(credential) } : undefined
    return { authorization: `Bearer ${(await tokens.get(scopes)).text}` }
  }

  async function freshToken(scopes: readonly Scope[]): Promise<Token> {
    const { registry, send } = options
    const ask = (credential: Credential | undefined) =>
      fetchToken({ registry, challenge: lesson.challenge(), scopes, credential, now: options.now() }, send)
    const credential = await options.credential()
    const token = await ask(credential).catch(async (error: unknown) => {
      const other = await renewal.other(credential, error)
      if (other === undefined) throw error
      return ask(other)
    })
    options.mask(token.text)
    return token
  }

  async function granted(scope: Scope, scopes: readonly Scope[] = [scope]): Promise<readonly string[] | undefined> {
    await lesson.over()
    const credential = await options.credential()
    if (credential?.kind === 'registry-token') return grantedActions(credential.token, scope.path)
    if (lesson.challenge()?.scheme !== 'bearer') return undefined
    return grantedActions((await tokens.get(scopes)).text, scope.path)
  }

  async function identity(): Promise<Identity> {
    return identityOf(await options.credential(), lesson.challenge()?.scheme === 'bearer' && !tokens.isEmpty())
  }

  return { wrap, granted, identity }
}

function identityOf(credential: Credential | undefined, checked: boolean): Identity {
  if (credential === undefined) return { kind: 'anonymous' }
  return { kind: 'known', username: credential.kind === 'password' ? credential.username : '', checked }
}

function proofIn({ headers }: Request): string | undefined {
  return headers?.['authorization']
}
