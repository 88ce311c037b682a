import { expand, type Template, type TemplateFacts } from './template.ts'

/** What the repository tells about itself. */
export type About = {
  readonly title: string
  readonly description: string
  readonly url: string
  readonly license: string
}

export type LabelFacts = {
  readonly about: About
  readonly source: string
  readonly version: string
  readonly revision: string
  /** when this commit was made; a label that changed with every build would make every build another image */
  readonly created: Date
}

/** A label or an annotation. */
export type Pair = readonly [key: string, value: string]

/**
 * The OCI keys (image spec, annotations.md), all of them. One that is not known is empty and there nevertheless, as in
 * metadata-action: images inherit the labels of their bases, and the base's licence or description is not this image's.
 */
export function standardPairs({ about, source, version, revision, created }: LabelFacts): readonly Pair[] {
  const standard = {
    title: about.title,
    description: about.description,
    url: about.url,
    source,
    version,
    created: created.toISOString(),
    revision,
    licenses: about.license,
  }
  return Object.entries(standard).map(([key, value]) => [`org.opencontainers.image.${key}`, value] as const)
}

/** What older tools read, for `labels-compat`. */
export function compatPairs({ version, revision, created }: LabelFacts): readonly Pair[] {
  return [
    ['version', version],
    ['build.date', created.toISOString()],
    ['vcs.ref', revision],
  ]
}

/** The user's own lines, each with its expressions replaced, keys too. */
export function ownPairs(lines: readonly Template[], facts: TemplateFacts): readonly Pair[] {
  return lines.map((line) => splitPair(expand(line, facts)))
}

/** At the first `=`; spaces around the key belong to nobody. */
export function splitPair(text: string): Pair {
  const equals = text.indexOf('=')
  return equals < 0 ? [text.trim(), ''] : [text.slice(0, equals).trim(), text.slice(equals + 1)]
}

/** Pairs as a record: of two with one key the last wins. In metadata-action's order, which is that of a dictionary. */
export function recordOf(pairs: readonly Pair[]): Readonly<Record<string, string>> {
  // The locale is named, so that no machine's own one decides.
  const sorted = [...new Map(pairs)].toSorted(([one], [other]) => one.localeCompare(other, 'en'))
  return Object.fromEntries(sorted)
}
