import { expect, test } from 'vitest'
import { actionOf } from '../../src/action/which.ts'

test.each([
  ['/home/runner/work/_actions/acme/lading/v1/dist/index.js', 'publish'],
  ['/home/runner/work/_actions/acme/lading/v1/promote/../dist/promote.js', 'promote'],
  ['/home/runner/work/_actions/acme/lading/v1/dist/mirror.js', 'mirror'],
  ['/promote/dist/index.js', 'publish'],
  ['', 'publish'],
])('%s starts %s', (program, action) => {
  expect(actionOf(program)).toBe(action)
})
