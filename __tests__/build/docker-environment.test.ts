import { expect, test } from 'vitest'
import { dockerEnvironment } from '../../src/build/docker-environment.ts'

const NEEDED = [
  'PATH',
  'HOME',
  'DOCKER_HOST',
  'https_proxy',
  'NO_PROXY',
  'XDG_RUNTIME_DIR',
  'BUILDX_BUILDER',
  'SSH_AUTH_SOCK',
]
const FOREIGN = [
  'INPUT_PASSWORD',
  'GITHUB_TOKEN',
  'ACTIONS_RUNTIME_TOKEN',
  'DOCKER_AUTH_CONFIG',
  'AWS_SECRET_ACCESS_KEY',
  'MY_PATH',
]

test.each(NEEDED)('docker sees %s', (name) => {
  expect(dockerEnvironment({ [name]: 'x' })).toEqual({ [name]: 'x' })
})

test.each(FOREIGN)('docker does not see %s', (name) => {
  expect(dockerEnvironment({ [name]: 'x' })).toEqual({})
})
