import { expect, test } from 'vitest'
import { helperEnvironment } from '../../src/registry/helper-environment.ts'

test.each([
  'GNUPGHOME',
  'PASSWORD_STORE_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
  'AWS_ACCESS_KEY_ID',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'CLOUDSDK_CONFIG',
  'AZURE_CLIENT_ID',
])('a credential helper sees %s', (name) => {
  expect(helperEnvironment({ [name]: 'x' })).toEqual({ [name]: 'x' })
})

test.each([
  'INPUT_PASSWORD',
  'GITHUB_TOKEN',
  'ACTIONS_RUNTIME_TOKEN',
  'DOCKER_AUTH_CONFIG',
  'MY_AWS_KEY',
  'NODE_OPTIONS',
])('a credential helper does not see %s', (name) => {
  expect(helperEnvironment({ [name]: 'x', AWS_REGION: undefined })).toEqual({})
})
