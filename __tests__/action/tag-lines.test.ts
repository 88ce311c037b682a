import { describe, expect, test } from 'vitest'
import { readInputs } from '../../src/action/inputs.ts'
import { LadingError } from '../../src/error.ts'
import type { TagRule } from '../../src/tags/rule.ts'
import { environment, withInputs } from './given.ts'

async function read(tags: string) {
  const { request, notices } = await readInputs(withInputs({ images: 'a/b', tags }), environment())
  return { rules: request.tags, notices }
}

async function refusal(tags: string): Promise<string> {
  const thrown: unknown = await read(tags).catch((error: unknown) => error)
  if (thrown instanceof LadingError) return thrown.message
  throw new Error('the rules were accepted')
}

/** A rule with its templates as the user wrote them. */
function plain(rule: TagRule): unknown {
  return JSON.parse(JSON.stringify(rule, (_key, value) => (value?.pieces === undefined ? value : `“${value.text}”`)))
}

describe('a rule', () => {
  test.each<[string, string, unknown]>([
    ['is a preset', 'version', { type: 'preset', preset: 'version' }],
    ['is a word', 'next', { type: 'raw', text: 'next', enable: '“true”', priority: 200, value: '“next”' }],
    [
      'of a word with attributes is raw',
      'latest,enable=true',
      { type: 'raw', value: '“latest”', enable: '“true”', priority: 200, text: 'type=raw,enable=true,value=latest' },
    ],
    [
      'keeps commas in quotes',
      '"type=raw","value=b,c"',
      { type: 'raw', value: '“b,c”', enable: '“true”', priority: 200, text: 'type=raw,value=b,c' },
    ],
    [
      'may be quoted as a whole',
      '"type=match,""pattern=\\d{1,2}"""',
      {
        type: 'match',
        pattern: { source: '\\d{1,2}', flags: '' },
        group: 0,
        enable: '“true”',
        priority: 800,
        text: 'type=match,pattern=\\d{1,2}',
      },
    ],
    [
      'of a schedule is nightly',
      'type=schedule',
      { type: 'schedule', pattern: '“nightly”', enable: '“true”', priority: 1000, text: 'type=schedule' },
    ],
    [
      'of a version has pattern, value and match',
      'type=semver,pattern={{major}},value=v{{sha}},match=v(.*)',
      {
        type: 'semver',
        pattern: '“{{major}}”',
        value: '“v{{sha}}”',
        match: { source: 'v(.*)', flags: '' },
        enable: '“true”',
        priority: 900,
        text: 'type=semver,pattern={{major}},value=v{{sha}},match=v(.*)',
      },
    ],
    [
      'has what is its own and what all have',
      'TYPE = sha , format = long , prefix=, suffix=-x,enable={{is_default_branch}},priority=1.5,fixed=false',
      {
        type: 'sha',
        format: 'long',
        prefix: '“”',
        suffix: '“-x”',
        enable: '“{{is_default_branch}}”',
        priority: 1.5,
        fixed: false,
        text: 'type=sha,format=long,prefix=,suffix=-x,enable={{is_default_branch}},priority=1.5,fixed=false',
      },
    ],
    [
      'of a pull request has a prefix',
      'type=ref,event=pr',
      { type: 'ref', event: 'pr', prefix: '“pr-”', enable: '“true”', priority: 600, text: 'type=ref,event=pr' },
    ],
    [
      'of the edge may name its branch',
      'type=edge,branch=dev',
      { type: 'edge', branch: 'dev', enable: '“true”', priority: 700, text: 'type=edge,branch=dev' },
    ],
    [
      'has flags between slashes',
      'type=match,pattern=/V(.)(.)/gi,group=7',
      {
        type: 'match',
        pattern: { source: 'V(.)(.)', flags: 'gi' },
        group: 7,
        enable: '“true”',
        priority: 800,
        text: 'type=match,pattern=/V(.)(.)/gi,group=7',
      },
    ],
  ])('%s', async (_name, line, expected) => {
    const { rules } = await read(line)
    expect(rules.map(plain)).toEqual([expected])
  })

  test('of several words on a line is one for each', async () => {
    const { rules } = await read('version, next,major\n# none\n\ncommit')
    expect(rules.map((rule) => (rule.type === 'preset' ? rule.preset : rule.type))).toEqual([
      'version',
      'raw',
      'major',
      'commit',
    ])
  })

  test('survives JSON', async () => {
    const { rules } = await read("type=schedule,pattern={{date 'YYYY'}}\ntype=match,pattern=/v(.)/g,group=1")
    expect(JSON.parse(JSON.stringify(rules))).toEqual(rules)
  })
})

describe('a mistake', () => {
  test.each([
    ['in the type', 'type=semvr,pattern={{version}}', 'unknown type “semvr”: there are schedule, semver,'],
    ['in the type, with a suggestion', 'type=semvr', 'did you mean `semver`?'],
    ['in an attribute', 'type=sha,fromat=long', 'unknown attribute “fromat”; did you mean `format`?'],
    ['in an attribute of another type', 'type=sha,event=tag', 'unknown attribute “event”'],
    ['of an attribute that is there twice', 'type=sha,prefix=a,prefix=b', '“prefix” is there twice'],
    ['of a pattern that is missing', 'type=pep440', 'type=pep440 needs pattern, such as pattern={{version}}'],
    ['of a match without pattern', 'type=match', 'type=match needs pattern, such as pattern=\\d+'],
    ['of an event that is missing', 'type=ref', 'type=ref needs event, such as event=branch|tag|pr'],
    ['in the event', 'type=ref,event=branhc', 'event=“branhc” is none of branch, tag, pr; did you mean `branch`?'],
    ['in the format', 'type=sha,format=', 'format=“” is none of short, long'],
    ['of a value that is missing', 'type=raw,prefix=x', 'type=raw needs value'],
    ['of two values', 'type=raw,value=a,b', 'a rule has exactly one value'],
    ['of a value where there is none', 'type=edge,x', 'type=edge takes no value'],
    ['in enable', 'type=sha,enable=yes', 'enable=“yes”: it is true or false, or an expression'],
    ['in fixed', 'type=sha,fixed=yes', 'fixed=“yes”: it is true or false'],
    ['in the priority', 'type=sha,priority=high', 'priority=“high”: it is a number'],
    ['in the group', 'type=match,pattern=v,group=x', 'group=“x”: it is the number of a group'],
    ['of a group that is not there', 'type=match,pattern=v(.),group=2', 'group=2: the pattern has no more than 1'],
    ['of a group without any', 'type=match,pattern=v,group=1', 'group=1: the pattern has no group ( )'],
    ['in a pattern', 'type=match,pattern=v(', 'pattern=“v(” is no regular expression'],
    ['in flags', 'type=match,pattern=/v/q', 'pattern=“v” is no regular expression'],
    ['of a match without a group', 'type=semver,pattern={{raw}},match=v.', 'match=“v.”: it has no group ( )'],
    ['in match', 'type=semver,pattern={{raw}},match=v(', 'match=“v(” is no regular expression'],
    ['in an expression', 'type=raw,value={{branhc}}', '{{branhc}} means nothing'],
    ['in an expression, with a suggestion', 'type=raw,value={{branhc}}', 'did you mean `branch`?'],
    ['in an expression of a word', 'x-{{shaa}}', 'did you mean `sha`?'],
    ['in an expression of enable', 'type=sha,enable={{is_defualt_branch}}', 'did you mean `is_default_branch`?'],
    ['of an expression of another place', 'type=semver,pattern={{branch}}', 'known here are version, raw, major'],
    ['of a pull request in a schedule', 'type=schedule,pattern={{sha}}', 'known here are date, commit_date'],
    ['of quotes around a value', 'type=raw,value="a,b"', 'they belong around key=value: "value=a,b"'],
    ['of no rule at all', '# version', '`tags`: there is no rule in it'],
  ])('%s is told', async (_name, line, text) => {
    expect(await refusal(line)).toContain(text)
  })

  test('is told with its line, and beside others', async () => {
    const message = await refusal('version\ntype=sha,enable=x\n\ntype=raw,value={{x}},priority=y')
    expect(message).toContain('3 mistakes')
    expect(message).toContain('`tags`, line 2: enable=“x”')
    expect(message).toContain('`tags`, line 4: priority=“y”')
    expect(message).toContain('`tags`, line 4: {{x}} means nothing')
  })

  test('is told once where one explains the other', async () => {
    const message = await refusal('type=semver,patern={{version}}')
    expect(message).toBe('reading the inputs: `tags`, line 1: unknown attribute “patern”; did you mean `pattern`?')
  })
})
