import type { Template } from './template.ts'

/** What all names of an image have in common: metadata-action's input `flavor`. */
export type Flavor = {
  /** whether `latest` is added: `auto` leaves it to the first rule that gives a name */
  readonly latest: 'auto' | 'yes' | 'no'
  readonly prefix?: Affix
  readonly suffix?: Affix
}

export type Affix = {
  readonly text: Template
  /** whether `latest` has it too */
  readonly onLatest: boolean
}

export const PLAIN_FLAVOR: Flavor = { latest: 'auto' }
