import { JOB_TOKEN, type Notes, type Reply } from './notes.ts'
import type { AwsOptions } from './server.ts'
import type { SignedRequest } from './signature.ts'

/** STS: keys of a role for the token of the job. */
export function openSts({ roles = [] }: AwsOptions, notes: Notes): (request: SignedRequest) => Reply {
  return ({ body }) => {
    const form = new URLSearchParams(body)
    const role = form.get('RoleArn') ?? ''
    notes.asked.push(`sts ${role} ${form.get('RoleSessionName')}`)
    const isTrusted = form.get('WebIdentityToken') === JOB_TOKEN && roles.includes(role)
    if (!isTrusted || form.get('Action') !== 'AssumeRoleWithWebIdentity') return xmlError('AccessDenied')
    const { accessKeyId, secretAccessKey, sessionToken, expires } = notes.grant(role.replace(/.*\//, ''))
    const inner = `<SessionToken>${sessionToken}</SessionToken><SecretAccessKey>${secretAccessKey}</SecretAccessKey><Expiration>${expires}</Expiration><AccessKeyId>${accessKeyId}</AccessKeyId>`
    const result = `<AssumeRoleWithWebIdentityResult><Audience>sts.amazonaws.com</Audience><Credentials>${inner}</Credentials></AssumeRoleWithWebIdentityResult>`
    const whole = `<AssumeRoleWithWebIdentityResponse>${result}</AssumeRoleWithWebIdentityResponse>`
    return { status: 200, type: 'text/xml', body: whole }
  }
}

function xmlError(code: string): Reply {
  const message = 'Not authorized to perform sts:AssumeRoleWithWebIdentity'
  return {
    status: 403,
    type: 'text/xml',
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  }
}
