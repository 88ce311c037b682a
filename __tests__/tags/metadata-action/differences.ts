/** Why Lading answers otherwise in some of the recorded cases, and what it answers there. */
export type Difference = {
  readonly why: string
  /** Lading refuses these, in words with this text; metadata-action does not */
  readonly refused?: { readonly by: string; readonly cases: readonly string[] }
  /** Lading's tags: in other cases of this kind it gives others, or gives some where metadata-action stops */
  readonly tags?: Readonly<Record<string, readonly string[]>>
}

export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'a reference that no registry takes is a mistake before anything is built',
    refused: {
      by: 'which no registry takes as a tag',
      cases: [
        'default rules, dashes',
        'default rules, longbranch',
        'each type, dashes',
        'each type, longbranch',
        'raw: lead dash',
        'raw: lead dot',
        'raw: lead slash',
        'raw: only bad',
        'raw: long',
        'edge, latest and version, tag:v1.2.3',
        'edge, latest and version, pr',
      ],
    },
  },
  {
    why: 'so is a step that would publish under no tag at all',
    refused: {
      by: 'no rule gives a tag',
      cases: [
        'default rules, notes',
        'default rules, nothing',
        'expression: raw branch on a tag',
        'expression: semver value expression',
        'expression: semver value from branch',
        'semver {{prerelease}} of v1.2.3',
        'semver {{prerelease}} of v1.2.3+build.5',
        'semver {{build}} of v1.2.3',
        'semver, usual three, v1.2',
        'semver, usual three, V1.2.3',
        'semver, usual three, app/v1.2.3',
        'semver, usual three, app-v1.2.3',
        'semver, usual three, 1.2.3.4',
        'semver, usual three, 01.2.3',
        'semver, usual three, sometag',
        'semver: match none, tag:app/v1.2.3',
        'semver: match slashes, tag:app/v1.2.3',
        'semver: pattern empty, tag:v1.2.3',
        'pep440 patterns of sometag',
        'pep440 patterns of app/v1.2.3',
        'pep440: match none, tag:app/v1.2.3',
        'pep440: prefix suffix, tag:app/v1.2.3',
        'pep440: literal, tag:app/v1.2.3',
        'edge: other branch',
        'edge: named other',
        'edge: expression is not read',
        'edge: tag',
        'edge: pull request',
        'ref: branch on a tag',
        'ref: pr target',
        'raw: empty value',
        'sha: no sha',
        'flavor latest=true without any tag',
        'images without tags',
        'no version at all, outputs',
      ],
    },
  },
  {
    why: 'a list of rules that holds none is no wish for the default ones',
    refused: { by: 'there is no rule in it', cases: ['text: only comments', 'text: lone comma'] },
  },
  {
    why: 'an unknown expression is a mistake; Handlebars leaves a gap, or shows more of its inside than anybody documents',
    refused: {
      by: 'means nothing: known here are',
      cases: [
        'expression: with block',
        'expression: unknown name',
        'expression: lookup helper',
        'expression: whitespace control',
        'expression: this',
        'expression: square segment',
        'expression: number literal',
        'expression: string literal',
        'schedule: branch is unknown, schedule',
        'semver: pattern unknown, tag:v1.2.3',
        'semver: pattern unknown, tag:1.2.3-rc.1',
        'semver: pattern global, tag:1.2.3-rc.1',
        'semver: pattern branch, tag:v1.2.3',
        'semver: pattern branch, tag:1.2.3-rc.1',
        'semver: pattern broken more, tag:1.2.3-rc.1',
        'semver: prerelease 0, tag:v1.2.3',
        'semver: prerelease 0, tag:1.2.3-rc.1',
        'semver: compare method, tag:v1.2.3',
        'semver: compare method, tag:1.2.3-rc.1',
        'semver: loose, tag:v1.2.3',
        'semver: loose, tag:1.2.3-rc.1',
        'pep440: unknown in pattern, tag:v1.2.3',
        'pep440: unknown in pattern, tag:1.0rc1',
        'pep440: unknown in pattern, tag:app/v1.2.3',
      ],
    },
  },
  {
    why: 'a format without quotes is an unknown name, which Handlebars takes for no format',
    refused: {
      by: "is written {{date 'YYYYMMDD'}}",
      cases: ['expression: date without quotes'],
    },
  },
  {
    why: 'the same for the date of the commit',
    refused: { by: "is written {{commit_date 'YYYYMMDD'}}", cases: ['expression: commit_date without quotes'] },
  },
  {
    why: 'an unknown time zone is a mistake; there it is UTC',
    refused: { by: '“Mars/Base” is no time zone', cases: ['date: unknown zone'] },
  },
  {
    why: 'a time zone may be an offset from UTC, which there is an unknown zone',
    tags: { 'date: offset zone': ['20260203-0605'] },
  },
  {
    why: 'a pattern is checked also when this run does not need it',
    refused: { by: 'the braces of “{{version}” are not closed', cases: ['semver: pattern broken, tag:1.2.3-rc.1'] },
  },
  {
    why: 'so is a regular expression',
    refused: { by: 'is no regular expression', cases: ['match: bad regex on a branch'] },
  },
  {
    why: 'a level of annotations that builders do not know is a mistake before the build',
    refused: { by: 'is none of manifest, index', cases: ['levels foo', 'levels manifest:index'] },
  },
  {
    why: 'an unknown attribute is a mistake',
    refused: {
      by: 'unknown attribute',
      cases: [
        'schedule: value ignored, schedule',
        'edge: value ignored',
        'ref: pattern ignored',
        'raw: unknown attribute',
        'raw: equals first',
      ],
    },
  },
  {
    why: 'so is one that is there twice, and an image that is',
    refused: { by: 'is there twice', cases: ['raw: duplicate value', 'raw: two types', 'images: twice'] },
  },
  {
    why: 'of several values the last would win without a word',
    refused: {
      by: 'a rule has exactly one value',
      cases: ['raw: value then bare', 'text: backslash'],
    },
  },
  {
    why: 'a name without anything in it is a mistake',
    refused: { by: 'type=raw needs value', cases: ['raw: empty bare'] },
  },
  {
    why: 'a group that the pattern does not have is a mistake',
    refused: { by: 'the pattern has no more than 1', cases: ['match: group missing'] },
  },
  {
    why: 'so is a group that is no whole number, which is never found',
    refused: {
      by: 'it is the number of a group',
      cases: [
        'match: group negative',
        'match: group fraction',
        'match: group empty',
        'match: group 01',
        'match: group 1.0',
        'match: group 0x1',
      ],
    },
  },
  {
    why: 'a priority that is no number leaves the order to chance',
    refused: {
      by: 'it is a number',
      cases: ['order: word, dev', 'order: empty, dev', 'order: expression in priority, dev'],
    },
  },
  {
    why: 'a commit is shortened to at least one character, or every commit would have one name',
    refused: {
      by: 'is not a whole number from 1',
      cases: ['sha: length 0', 'sha: length -1', 'sha: length 7.9', 'sha: length word unused'],
    },
    tags: { 'sha: length space': ['sha-a1b2c3d'] },
  },
  {
    why: 'onlatest without a prefix or suffix before it would do nothing',
    refused: {
      by: 'onlatest stands behind the prefix= or suffix=',
      cases: ['flavor: onlatest first', 'flavor: onlatest alone'],
    },
  },
  {
    why: 'of several images on one of several lines all but the last would be dropped',
    refused: {
      by: 'names stand one a line or with commas between them, not both',
      cases: ['images: two lines with commas'],
    },
  },
  {
    why: 'the same beside attributes',
    refused: {
      by: 'a line with attributes names exactly one image',
      cases: ['images: two names', 'images: bare then enable, one line'],
    },
  },
  {
    why: 'there is nothing to publish when every image is off',
    refused: { by: 'every image is switched off', cases: ['images: all disabled'] },
  },
  {
    why: 'an image that no registry takes is a mistake',
    refused: {
      by: 'reading the inputs: `images`, line 1',
      cases: ['images: odd characters', 'images: expression', 'images: tag inside', 'images: equals'],
    },
  },
  {
    why: 'values are not escaped for HTML',
    tags: { 'expression: raw branch odd': ['x-my-feature-1245-co-x'] },
  },
  {
    why: 'expressions count in the prefix and suffix of latest too',
    tags: {
      'flavor: expression in prefix': ['dev-dev', 'dev-latest'],
      'flavor: date in suffix': ['dev-20260203', 'latest-20260203'],
    },
  },
  {
    why: 'a comma behind the last image is no image without a name',
    tags: { 'images: trailing comma': ['1.2.3', 'sha-a1b2c3d', 'latest'] },
  },
  {
    why: 'quotes around an attribute are enough for the comma in it, or the end of a line',
    tags: {
      'match: comma needs quotes': ['1.2', 'x', 'latest'],
      'flavor: quotes': ['p-q-dev'],
      'text: quoted value with comma': ['a-b'],
      'text: quoted newline': ['a-b'],
    },
  },
  {
    why: 'a quote within a value is a character like others',
    tags: {
      'expression: date double quotes': ['20260203'],
      'raw: html': ['a-b-c-d-e-f'],
      'text: quote inside': ['a-b'],
    },
  },
  {
    why: 'an equals sign within a value is one too',
    tags: { 'flavor: equals': ['a-bdev'] },
  },
  {
    why: 'lines of blanks and commas at an end say nothing, and do no harm',
    tags: {
      'images: blank lines': ['1.2.3', 'sha-a1b2c3d', 'latest'],
      'text: line of spaces': ['a', 'b'],
      'flavor: trailing comma': ['dev', 'latest'],
    },
  },
  {
    why: 'a comment may be indented, and a quoted one is one too',
    tags: { 'text: indented comment': ['a'], 'text: quoted hash': ['b'] },
  },
  {
    why: 'true and false are those of YAML, as in all inputs here',
    tags: { 'enable=TRUE': ['a', 'b'], 'enable=True': ['a', 'b'] },
  },
  {
    why: 'words are presets, several on a line are several, and without any the default presets stand',
    tags: {
      'text: several on one line': ['a', 'b', 'c'],
      'text: presets as words': ['dev'],
      'text: only blanks': ['dev', 'dev-a1b2c3d'],
    },
  },
  {
    why: 'the default branch is the one that the event tells; GitHub is asked when it does not',
    refused: { by: 'no rule gives a tag', cases: ['edge: default from the API'] },
  },
  {
    why: 'a time in the event that cannot be read is none, and GitHub is asked for it',
    tags: { 'commit date: unreadable timestamp': ['c-20260115-161718'] },
  },
  {
    why: 'a branch that is checked out by its commit is the branch',
    tags: {
      'context=git detached-local, main': ['edge', 'main', 'raw', 'c-20260121165324', 'd-true', 'sha-d597bae'],
    },
  },
  {
    why: 'what has nothing to do with names does not stop them: no label, no answer of GitHub, no switch for outputs',
    tags: {
      'global expressions in labels, nothing': ['x'],
      'labels: broken expression': ['dev'],
      'labels: missing helper': ['dev'],
      'labels: JSON value': ['dev'],
      'repository: status 404': ['dev'],
      'repository: status 403': ['dev'],
      'repository: status 500': ['dev'],
      'SET_OUTPUT_ENV=no': ['dev'],
    },
  },
]
