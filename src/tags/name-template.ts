/**
 * The part of Go's `text/template` that names in a mirror's file need, with the functions of regclient's
 * `pkg/template`. Plain data.
 */
export type NameTemplate = {
  /** as the user wrote it */
  readonly text: string
  readonly pieces: readonly Piece[]
}

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly value: Expression }

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number }
  /** `.Sync.Source` is `Sync.Source` */
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[] }
