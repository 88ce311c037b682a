import type { Notes, Reply } from './notes.ts'
import type { AwsOptions } from './server.ts'
import { claimIn, type SignedRequest, signatureOf } from './signature.ts'

/** ECR and ECR Public: tokens and new repositories for who signs rightly. */
export function openEcr(options: AwsOptions, notes: Notes): (request: SignedRequest) => Reply {
  const failures = new Map(Object.entries(options.errors ?? {}).map(([name, { times = 1 }]) => [name, times]))
  let tokens = 0

  function planned(name: string): Reply | undefined {
    const left = failures.get(name) ?? 0
    const error = options.errors?.[name]
    if (left === 0 || error === undefined) return undefined
    failures.set(name, left - 1)
    return failed(error.code, 'as the test wants it', error.status)
  }

  function token(service: string): Reply {
    tokens += 1
    const { life = 12 * 3600 } = options
    const authorizationToken = Buffer.from(`AWS:${password(tokens)}`).toString('base64')
    const entry = { authorizationToken, expiresAt: notes.now() / 1000 + life }
    return { status: 200, body: JSON.stringify({ authorizationData: service === 'ecr' ? [entry] : entry }) }
  }

  function create(body: string): Reply {
    const { repositoryName }: { repositoryName: string } = JSON.parse(body)
    if (notes.created.includes(repositoryName)) return failed('RepositoryAlreadyExistsException', 'it is there')
    notes.created.push(repositoryName)
    options.onCreate?.(repositoryName)
    return { status: 200, body: JSON.stringify({ repository: { repositoryName } }) }
  }

  return (request) => {
    const [prefix, action = ''] = String(request.headers['x-amz-target']).split('.')
    const service = prefix === 'SpencerFrontendService' ? 'ecr-public' : 'ecr'
    const claim = claimIn(request)
    notes.asked.push(`${service} ${action} ${claim?.region} ${claim?.accessKeyId}`)
    const refused = planned(`${service} ${action}`) ?? faultOf(request, service, notes)
    return refused ?? (action === 'GetAuthorizationToken' ? token(service) : create(request.body))
  }
}

/** The password that the n-th token carries. */
export function password(count: number): string {
  return `planted-ecr-password-${count}`
}

/** Why a request is not let in; the words are those of AWS. */
function faultOf(request: SignedRequest, service: string, { known, now }: Notes): Reply | undefined {
  const claim = claimIn(request)
  const keys = known.get(claim?.accessKeyId ?? '')
  if (claim === undefined || keys === undefined) {
    return failed('UnrecognizedClientException', 'The security token included in the request is invalid.')
  }
  const isWhole = ['content-type', 'host', 'x-amz-date', 'x-amz-target'].every((name) =>
    claim.signedHeaders.includes(name),
  )
  const isSigned = claim.signature === signatureOf(request, claim, keys.secretAccessKey)
  if (!isWhole || !isSigned || claim.service !== service) {
    return failed('InvalidSignatureException', 'The request signature we calculated does not match.')
  }
  // "Elements of an AWS API request signature": within five minutes of the time in it.
  const signed = String(request.headers['x-amz-date']).replace(/^(.{4})(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')
  if (!(Math.abs(Date.parse(signed) - now()) < 5 * 60_000)) {
    return failed('InvalidSignatureException', 'Signature expired')
  }
  const isCurrent = request.headers['x-amz-security-token'] === keys.sessionToken
  return isCurrent
    ? undefined
    : failed('ExpiredTokenException', 'The security token included in the request is expired')
}

function failed(code: string, message: string, status = 400): Reply {
  return { status, body: JSON.stringify({ __type: `com.amazonaws.ecr#${code}`, message }) }
}
