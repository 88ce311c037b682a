import { JOB_TOKEN, type Notes, REQUEST_TOKEN, type Reply } from './notes.ts'
import type { AwsOptions } from './server.ts'
import type { SignedRequest } from './signature.ts'

const MACHINE_TOKEN = 'planted-metadata-token-2b4f=='
const NOTHING: Reply = { status: 404, body: '<html>another cloud</html>' }
const UNKNOWN: Reply = { status: 401, body: 'who are you?' }

/** What lies beside a job: the token that GitHub gives it, a container's keys, a machine's metadata. */
export function openNearby(options: AwsOptions, notes: Notes): (request: SignedRequest) => Reply {
  return (request) => {
    const url = new URL(request.path, 'http://aws')
    if (url.pathname === '/oidc') return jobToken(url, request, notes)
    if (url.pathname === options.container?.path) return container(request, options.container.token, notes)
    return url.pathname.startsWith('/latest/') ? metadata(url, request, { machine: options.machine, notes }) : NOTHING
  }
}

function jobToken(url: URL, { headers }: SignedRequest, { asked }: Notes): Reply {
  asked.push(`oidc ${url.searchParams.get('audience')}`)
  const isJob = headers.authorization === `Bearer ${REQUEST_TOKEN}`
  return isJob ? { status: 200, body: JSON.stringify({ value: JOB_TOKEN }) } : UNKNOWN
}

function container({ headers }: SignedRequest, token: string, notes: Notes): Reply {
  notes.asked.push('container')
  return headers.authorization === token ? granted('container', notes) : UNKNOWN
}

type Machine = { readonly machine: string | undefined; readonly notes: Notes }

function metadata(url: URL, { method, headers }: SignedRequest, { machine, notes }: Machine): Reply {
  notes.asked.push(`metadata ${method} ${url.pathname}`)
  if (machine === undefined) return NOTHING
  if (method === 'PUT') return { status: 200, body: MACHINE_TOKEN }
  if (headers['x-aws-ec2-metadata-token'] !== MACHINE_TOKEN) return UNKNOWN
  return url.pathname.endsWith('/') ? { status: 200, body: machine } : granted(machine, notes)
}

function granted(who: string, notes: Notes): Reply {
  const { accessKeyId, secretAccessKey, sessionToken, expires } = notes.grant(who)
  const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration: expires }
  return { status: 200, body: JSON.stringify(keys) }
}
