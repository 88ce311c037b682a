import { branchOf, factsOf, type Occasion, pullOf, shortShaOf, tagOf } from './occasion.ts'
import { gives, lineOfName, nothing, nothingAloud, type Result } from './result.ts'
import type { MetadataRule, RefEvent } from './rule.ts'
import { expand, hasDate } from './template.ts'
import { isFullVersion, nameVersion, textOf, toRegExp } from './version-rule.ts'

type Of<Type extends MetadataRule['type']> = Extract<MetadataRule, { readonly type: Type }>

/** What a rule of metadata-action gives, by its documentation (README, "tags input") and its code where that is silent. */
export function nameByRule(rule: MetadataRule, occasion: Occasion): Result {
  switch (rule.type) {
    case 'schedule':
      return nameSchedule(rule, occasion)
    case 'semver':
    case 'pep440':
      return nameVersion(rule, occasion)
    case 'match':
      return nameMatch(rule, occasion)
    case 'edge':
      return nameEdge(rule, occasion)
    case 'ref':
      return nameRef(rule, occasion)
    case 'raw':
      return nameRaw(rule, occasion)
    case 'sha':
      return nameSha(rule, occasion)
  }
}

function nameSchedule({ pattern }: Of<'schedule'>, occasion: Occasion): Result {
  if (!occasion.event.includes('schedule')) return nothing('only for schedules')
  const kind = hasDate(pattern) ? 'fixed' : 'moving'
  return gives({ value: expand(pattern, factsOf(occasion)), kind, line: 'other', latest: false })
}

function nameMatch({ pattern, group, value }: Of<'match'>, occasion: Occasion): Result {
  const text = textOf(value, occasion)
  if (text === undefined) return nothing('only for tags, and with a value')
  const matches = text.match(toRegExp(pattern))
  if (matches === null) return nothingAloud(`${pattern.source} does not match ${text}`)
  const found = matches[group]
  if (found === undefined) return nothingAloud(`${pattern.source} has no group ${group} in ${text}`)
  return gives({ value: found, kind: 'moving', line: lineOfName(found), latest: true })
}

function nameEdge({ branch }: Of<'edge'>, occasion: Occasion): Result {
  const wanted = branch === '' ? occasion.defaultBranch : branch
  if (wanted === '') return nothing('the default branch is not known')
  if (branchOf(occasion) !== wanted) return nothing(`only for the branch ${wanted}`)
  return gives({ value: 'edge', kind: 'moving', line: 'branch', latest: false })
}

const REFS: Readonly<Record<RefEvent, (occasion: Occasion) => string | undefined>> = {
  branch: branchOf,
  tag: tagOf,
  pr: pullOf,
}

function nameRef({ event }: Of<'ref'>, occasion: Occasion): Result {
  const value = REFS[event](occasion)
  if (value === undefined) return nothing(`only for ${{ branch: 'branches', tag: 'tags', pr: 'pull requests' }[event]}`)
  if (event === 'tag') return gives({ value, kind: 'fixed', line: lineOfName(value), latest: true })
  return gives({ value, kind: 'moving', line: event === 'pr' ? 'pull-request' : 'branch', latest: false })
}

function nameRaw(rule: Of<'raw'>, occasion: Occasion): Result {
  const value = expand(rule.value, factsOf(occasion))
  return gives({ value, kind: isFullVersion(value) ? 'fixed' : 'moving', line: lineOfName(value), latest: false })
}

function nameSha({ format }: Of<'sha'>, occasion: Occasion): Result {
  if (occasion.sha === '') return nothing('the commit is not known')
  const value = format === 'long' ? occasion.sha : shortShaOf(occasion)
  return gives({ value, kind: 'fixed', line: 'other', latest: false })
}
