/** One thing that may be done to one resource, as in the token spec: `repository:team/app:pull,push`. */
export type Scope = { readonly type: string; readonly name: string; readonly actions: readonly string[] }

export type User = {
  readonly password: string
  /** What the user gets of a scope. Default: all that was asked. */
  readonly grants?: (scope: Scope) => readonly string[]
}

export type Credentials = { readonly name: string; readonly password: string }

export function basicCredentials(authorization: string | undefined): Credentials | undefined {
  const [, encoded] = /^Basic (.+)$/i.exec(authorization ?? '') ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

export function isUser(users: Readonly<Record<string, User>>, { name, password }: Credentials): boolean {
  return users[name]?.password === password
}

export function grantsOf({ grants }: User, scope: Scope): readonly string[] {
  const granted = grants?.(scope) ?? scope.actions
  return scope.actions.filter((action) => granted.includes(action))
}
