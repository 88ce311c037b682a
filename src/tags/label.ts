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
  readonly own: Readonly<Record<string, string>>
}

/** The OCI labels (image spec, annotations.md), under the user's own ones; sorted, and none of them empty. */
export function labelsOf(facts: LabelFacts): Readonly<Record<string, string>> {
  const { about, source, version, revision, created, own } = facts
  const standard: Record<string, string> = {
    title: about.title,
    description: about.description,
    url: about.url,
    source,
    version,
    created: created.toISOString(),
    revision,
    licenses: about.license,
  }
  const filled = Object.entries(standard).filter(([, value]) => value !== '')
  const all = {
    ...Object.fromEntries(filled.map(([key, value]) => [`org.opencontainers.image.${key}`, value])),
    ...own,
  }
  return Object.fromEntries(Object.entries(all).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}
