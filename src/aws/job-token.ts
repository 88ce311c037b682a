import { LadingError } from '../error.ts'
import { nearnessOf } from '../net/addresses.ts'
import { readBytes, readStart } from '../net/read.ts'
import { plainLine } from '../plain-text.ts'
import { type AwsPolicy, patient, variable } from './keys.ts'
import { parseObject, textOf } from './service.ts'

/** Whom the token is made for; the name that AWS's own action uses (aws-actions/configure-aws-credentials). */
const AUDIENCE = 'sts.amazonaws.com'
const TOKEN_LIMIT = 64 * 1024

const HINT = 'Add `id-token: write` to the `permissions` of the job.'

/**
 * A token in which GitHub says which job of which repository this is (docs.github.com, "OpenID Connect reference").
 * Throws `LOGIN_FAILED` where the job may not have one.
 */
export async function askJobToken(policy: AwsPolicy): Promise<string> {
  const what = 'asking GitHub for a token that says who this job is'
  const [address, token] = ['URL', 'TOKEN'].map((name) => variable(policy, `ACTIONS_ID_TOKEN_REQUEST_${name}`))
  if (!address || !token) {
    throw new LadingError('LOGIN_FAILED', `${what}: this job may not have one`, { hint: HINT })
  }
  const url = URL.parse(address)
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && nearnessOf(url) === 'this machine')
  if (url === null || !isSafe) throw new LadingError('LOGIN_FAILED', `${what}: its address is no https address`)
  url.searchParams.set('audience', AUDIENCE)
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  const response = await patient(policy.wire, policy)({ method: 'GET', url, headers, patienceMs: 30_000 })
  if (response.status !== 200) {
    const said = plainLine(await readStart(response, 2048))
    throw new LadingError('LOGIN_FAILED', `${what}: status ${response.status}${said === '' ? '' : `, “${said}”`}`, {
      hint: HINT,
    })
  }
  const value = textOf(parseObject(await readBytes(response, TOKEN_LIMIT))['value'])
  if (value === '') throw new LadingError('LOGIN_FAILED', `${what}: its answer has none`)
  policy.mask(value)
  return value
}
