import { open } from 'node:fs/promises'
import { LadingError } from '../error.ts'
import { nearnessOf } from '../net/addresses.ts'
import { readBytes } from '../net/read.ts'
import type { Headers, Method } from '../net/send.ts'
import { type AwsKeys, type AwsPolicy, variable } from './keys.ts'
import { type Json, parseObject, textOf } from './service.ts'

const ANSWER_LIMIT = 64 * 1024
const TOKEN_FILE_LIMIT = 64 * 1024

/** Where tasks of ECS and pods of EKS get their keys (SDK reference guide, "Container credential provider"). */
const CONTAINER_HOSTS = new Set(['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]'])

/**
 * The keys of the container that this runs in, or `undefined` where no container names a place for them. Throws
 * `LOGIN_FAILED` where it does and there are none.
 */
export async function keysOfContainer(policy: AwsPolicy): Promise<AwsKeys | undefined> {
  const relative = variable(policy, 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI')
  const full = variable(policy, 'AWS_CONTAINER_CREDENTIALS_FULL_URI')
  if (relative === '' && full === '') return undefined
  const what = 'asking this container for its identity at AWS'
  const url = URL.parse(relative === '' ? full : `http://169.254.170.2${relative}`)
  // A token goes there; plain http only where the guide allows it.
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isBeside(url))
  if (url === null || !isSafe) throw new LadingError('LOGIN_FAILED', `${what}: its address is none of a container`)
  const file = variable(policy, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE')
  const token = file === '' ? variable(policy, 'AWS_CONTAINER_AUTHORIZATION_TOKEN') : await readToken(file, what)
  const answer = await ask(policy, { method: 'GET', url, headers: token === '' ? {} : { authorization: token } })
  const keys = answer.status === 200 ? keysIn(parseObject(answer.bytes), policy) : undefined
  if (keys !== undefined) return keys
  throw new LadingError('LOGIN_FAILED', `${what}: ${url.host} gives no keys (status ${answer.status})`)
}

function isBeside(url: URL): boolean {
  return CONTAINER_HOSTS.has(url.hostname) || nearnessOf(url) === 'this machine'
}

/** The token of a web identity or of a container, from its file. Throws `LOGIN_FAILED`. */
export async function readToken(path: string, what: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(TOKEN_FILE_LIMIT), 0, TOKEN_FILE_LIMIT)
      return buffer.toString('utf8', 0, bytesRead).trim()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new LadingError('LOGIN_FAILED', `${what}: the file with its token cannot be read`, { cause })
  }
}

const METADATA = 'http://169.254.169.254'
const ROLES = '/latest/meta-data/iam/security-credentials/'

/**
 * The keys of the machine, from the metadata service of EC2 in its second version, which wants a token first ("Use
 * IMDSv2"). On all other machines nobody answers, or somebody else does: then there are none. Does not throw.
 */
export async function keysOfMachine(policy: AwsPolicy): Promise<AwsKeys | undefined> {
  if (variable(policy, 'AWS_EC2_METADATA_DISABLED').toLowerCase() === 'true') return undefined
  const base = URL.parse(variable(policy, 'AWS_EC2_METADATA_SERVICE_ENDPOINT') || METADATA)
  if (base === null) return undefined
  try {
    return await askMetadata(base, policy)
  } catch (error) {
    if (policy.signal.aborted) throw error
    policy.debug(`no metadata of EC2 here: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

async function askMetadata(base: URL, policy: AwsPolicy): Promise<AwsKeys | undefined> {
  const read = async (method: 'GET' | 'PUT', path: string, headers: Headers): Promise<string> => {
    const { status, bytes } = await ask(policy, { method, url: new URL(path, base), headers })
    return status === 200 ? new TextDecoder().decode(bytes).trim() : ''
  }
  const token = await read('PUT', '/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '300' })
  // Other clouds have a service of their own at this address.
  if (!/^[\w=+/-]{1,1000}$/.test(token)) return undefined
  policy.mask(token)
  const headers = { 'x-aws-ec2-metadata-token': token }
  const [role = ''] = (await read('GET', ROLES, headers)).split('\n')
  if (!/^[\w+=,.@-]{1,64}$/.test(role)) return undefined
  return keysIn(parseObject(Buffer.from(await read('GET', `${ROLES}${role}`, headers))), policy)
}

type Question = { readonly method: Method; readonly url: URL; readonly headers: Headers }

/** Asked once: who is there answers at once, and who is not must cost nobody time. */
async function ask(policy: AwsPolicy, question: Question): Promise<{ status: number; bytes: Uint8Array }> {
  const response = await policy.nearby({ ...question, signal: policy.signal })
  return { status: response.status, bytes: await readBytes(response, ANSWER_LIMIT) }
}

/** The form that containers and machines give keys in. */
function keysIn(json: Json, { mask }: AwsPolicy): AwsKeys | undefined {
  const [accessKeyId, secretAccessKey, sessionToken] = ['AccessKeyId', 'SecretAccessKey', 'Token'].map((name) =>
    textOf(json[name]),
  )
  const expires = Date.parse(textOf(json['Expiration']))
  if (!accessKeyId || !secretAccessKey || !sessionToken) return undefined
  mask(secretAccessKey)
  mask(sessionToken)
  return { accessKeyId, secretAccessKey, sessionToken, ...(Number.isNaN(expires) ? {} : { expires }) }
}
