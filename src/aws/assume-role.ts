import { LadingError } from '../error.ts'
import { readBytes } from '../net/read.ts'
import { plainLine } from '../plain-text.ts'
import { endpointOf, type Place } from './endpoints.ts'
import { type AwsKeys, type AwsPolicy, patient, variable } from './keys.ts'
import { refusedBy } from './service.ts'

/** A role, and a token of somebody whom it trusts. */
export type Assumption = { readonly role: string; readonly token: string }

const ANSWER_LIMIT = 64 * 1024

/**
 * Takes on a role by the token of an identity provider: AssumeRoleWithWebIdentity of STS, which wants no signature, in the
 * region of the registry (docs.aws.amazon.com, "AssumeRoleWithWebIdentity"). The keys live for an hour.
 * Throws `LOGIN_FAILED` when the role does not trust this job.
 */
export async function assumeRole({ role, token }: Assumption, place: Place, policy: AwsPolicy): Promise<AwsKeys> {
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: sessionName(policy),
    WebIdentityToken: token,
  })
  const response = await patient(
    policy.wire,
    policy,
  )({
    method: 'POST',
    url: endpointOf('sts', place, policy),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: { kind: 'bytes', bytes: form.toString() },
    patienceMs: 30_000,
  })
  const xml = new TextDecoder().decode(await readBytes(response, ANSWER_LIMIT))
  if (response.status === 200) return keysIn(xml, role, policy)
  const error = { kind: 'error', code: inXml(xml, 'Code') || `status ${response.status}`, words: inXml(xml, 'Message') }
  throw refusedBy(
    `taking on the role ${role}`,
    { ...error, kind: 'error', status: response.status },
    hintFor(error.code),
  )
}

function hintFor(code: string): string {
  // What the steps of "Creating OpenID Connect identity providers" and of the role leave out.
  if (code === 'InvalidIdentityToken')
    return 'Add the identity provider https://token.actions.githubusercontent.com with the audience sts.amazonaws.com to this account (IAM).'
  return 'Let the trust policy of the role name this repository: `token.actions.githubusercontent.com:sub` is `repo:OWNER/NAME:…`.'
}

/** Shown in CloudTrail: 2 to 64 of these characters. */
function sessionName(policy: AwsPolicy): string {
  return `lading-${variable(policy, 'GITHUB_RUN_ID').replace(/[^\w+=,.@-]/g, '')}`.slice(0, 64)
}

function keysIn(xml: string, role: string, { mask }: AwsPolicy): AwsKeys {
  const [accessKeyId = '', secretAccessKey = '', sessionToken = ''] = [
    'AccessKeyId',
    'SecretAccessKey',
    'SessionToken',
  ].map((name) => inXml(xml, name))
  const expires = Date.parse(inXml(xml, 'Expiration'))
  if (accessKeyId === '' || secretAccessKey === '' || sessionToken === '' || Number.isNaN(expires)) {
    throw new LadingError('LOGIN_FAILED', `taking on the role ${role}: the answer of STS has no keys`)
  }
  mask(secretAccessKey)
  mask(sessionToken)
  return { accessKeyId, secretAccessKey, sessionToken, expires }
}

/** The text of the first element of a name: keys and times are of characters that XML leaves as they are. */
function inXml(xml: string, name: string): string {
  return plainLine(new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '', 8192)
}
