/** Who the registry takes us for, as far as we tell it. */
export type Identity =
  | { readonly kind: 'anonymous' }
  /** `checked`: a token service has accepted the login, so what is refused now is a right and not the login */
  | { readonly kind: 'known'; readonly username: string; readonly checked: boolean }
