import { expect, test } from 'vitest'
import { readInputs } from '../../src/action/inputs.ts'
import { environment, withInputs } from './given.ts'

async function read(flavor: string): Promise<string> {
  const { request } = await readInputs(withInputs({ images: 'a/b', flavor }), environment())
  const { latest, prefix, suffix } = request.flavor
  const affixes = [prefix, suffix].map((affix) => (affix ? `${affix.text.text}${affix.onLatest ? '!' : ''}` : '–'))
  return [latest, ...affixes].join(' ')
}

test.each([
  ['nothing', '', 'auto – –'],
  ['latest', 'latest=true', 'yes – –'],
  ['no latest', 'LATEST = false', 'no – –'],
  ['prefix and suffix', 'prefix=p-\nsuffix=-{{sha}}', 'auto p- -{{sha}}'],
  ['all on a line', 'latest=true,prefix=p-,suffix=-s', 'yes p- -s'],
  ['onlatest for what stands before it', 'prefix=p-,onlatest=true\nsuffix=-s', 'auto p-! -s'],
  ['onlatest for each', 'prefix=p-,onlatest=true,suffix=-s,onlatest=true', 'auto p-! -s!'],
  ['onlatest that stays', 'prefix=p-,onlatest=true\nprefix=q-', 'auto q-! –'],
  ['onlatest that is taken back', 'prefix=p-,onlatest=true\nprefix=q-,onlatest=false', 'auto q- –'],
  ['the last of several', 'latest=true\nlatest=false\nsuffix=a\nsuffix=b', 'no – b'],
  ['commas in quotes, and comments', '# a\n"prefix=a,b"\n # b', 'auto a,b –'],
  ['an empty prefix', 'prefix=', 'auto  –'],
])('flavor says %s', async (_name, text, expected) => {
  expect(await read(text)).toBe(expected)
})

test.each([
  ['a word', 'latest', '`flavor`, line 1: “latest” is none of latest=, prefix=, suffix='],
  ['an unknown key', 'prefix=a\nsufix=b', '`flavor`, line 2: “sufix=b” is none of'],
  ['an unknown key, with a suggestion', 'sufix=b', 'did you mean `suffix`?'],
  ['another latest', 'latest=yes', 'latest=“yes” is none of auto, true, false'],
  ['another onlatest', 'prefix=a,onlatest=yes', 'onlatest=“yes” is neither true nor false'],
  ['onlatest for nothing', 'onlatest=true,prefix=a', 'onlatest stands behind the prefix= or suffix='],
  ['onlatest on a line of its own', 'prefix=a\nonlatest=true', '`flavor`, line 2: onlatest stands behind'],
  ['an expression that nobody knows', 'prefix={{brnch}}', 'did you mean `branch`?'],
  ['quotes around a value', 'prefix="a,b"', 'they belong around key=value'],
])('flavor refuses %s', async (_name, text, why) => {
  await expect(read(text)).rejects.toThrow(why)
})
