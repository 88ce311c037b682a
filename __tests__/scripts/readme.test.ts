import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { withGenerated } from '../../scripts/readme.ts'
import { summaryOf } from '../../src/report/summary.ts'
import { PUBLISHED, REFUSED } from '../report/examples.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

it('the README is what `node scripts/readme.ts` makes of it', () => {
  expect(withGenerated(read('README.md'), read('examples/release.yml'))).toBe(read('README.md'))
})

it('a README without its markers is an error and not a silent nothing', () => {
  expect(() => withGenerated('# Lading', 'on: push')).toThrow('README.md has no place for release')
})

it.each([
  ['docs/summary-published.md', PUBLISHED],
  ['docs/summary-refused.md', REFUSED],
])('%s is the summary as it is written today', async (path, report) => {
  await expect(summaryOf(report)).toMatchFileSnapshot(`../../${path}`)
})
