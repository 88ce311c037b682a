import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { CodeScanning, Upload, UploadRight } from '../edges.ts'
import { asLadingError, type FailureCode, LadingError } from '../error.ts'
import type { Response } from '../net/send.ts'
import { plainLine } from '../plain-text.ts'
import { type Api, type ApiOptions, openApi, readObject, stringOf, wordsOf } from './api.ts'

const PATIENCE_MS = 15_000
/** The largest file that GitHub takes, compressed (docs.github.com, "SARIF support", File compatibility). */
const LARGEST = 10_000_000
/** An upload of megabytes is looked at before it is answered. */
const UPLOAD_PATIENCE_MS = 60_000
/** Small files are worked through by then; nobody waits longer for a large one. */
const LOOK_AFTER_MS = 2000

/** Code scanning of the repository of the run, over the REST API (docs.github.com, "Code scanning" endpoints). */
export function openCodeScanning(options: ApiOptions): CodeScanning {
  const api = openApi(options)
  const { repository } = options
  return {
    async mayUpload() {
      if (api === undefined) return { kind: 'unknown', why: NOBODY }
      try {
        return (await askRight(api, repository)) ?? (await askFeature(api, repository))
      } catch (thrown) {
        const error = asLadingError(thrown)
        if (options.signal.aborted) throw error
        return { kind: 'unknown', why: plainLine(error.message) }
      }
    },
    async upload(findings) {
      if (api === undefined) throw new LadingError('REGISTRY_UNREACHABLE', `sending findings to GitHub: ${NOBODY}`)
      const id = await send(api, findings)
      if (id !== '') await lookAt(api, id, options)
    },
  }
}

const NOBODY = 'no API of GitHub is known here'

/**
 * Asks for an upload without anything in it. GitHub looks at the token first and at the request then: without the right
 * it says 403 or 404, with it that commit, ref and file are missing (400 or 422). `undefined`: nothing stands against it.
 */
async function askRight(api: Api, repository: string): Promise<UploadRight | undefined> {
  const response = await api.send({ method: 'POST', path: SARIFS, body: {}, patienceMs: PATIENCE_MS })
  const words = await wordsOf(response)
  const { status } = response
  if (status === 400 || status === 422) return undefined
  if (status === 401) return refused(status, words, 'Give `token` a token that is valid, or leave it out.')
  if (status === 404)
    return refused(status, words, `${permissionHint(repository)} An older server may have no code scanning.`)
  if (status === 403 && !isLimit(response, words)) return refused(status, words, hintFor(words, repository))
  return { kind: 'unknown', why: inWords(status, words) }
}

/** What a right says nothing about: whether the repository has code scanning at all. The list of analyses tells. */
async function askFeature(api: Api, repository: string): Promise<UploadRight> {
  const path = '/code-scanning/analyses?per_page=1'
  const response = await api.send({ method: 'GET', path, patienceMs: PATIENCE_MS })
  const words = await wordsOf(response)
  const isOff = response.status === 403 && FEATURE_OFF.test(words)
  return isOff ? refused(response.status, words, hintFor(words, repository)) : { kind: 'granted' }
}

const SARIFS = '/code-scanning/sarifs'

function refused(status: number, words: string, hint: string): UploadRight {
  return { kind: 'refused', why: inWords(status, words), hint }
}

function inWords(status: number, words: string): string {
  return words === '' ? `GitHub answers with status ${status}` : `GitHub says “${words}” (status ${status})`
}

/** As github/codeql-action knows them (`src/api-client.ts`, wrapApiConfigurationError, and its tests). */
const FEATURE_OFF =
  /(?:Code Security|Advanced Security|Code Scanning|Code quality)\b.*\b(?:must be|not) enabled|blocked by a policy/i

function hintFor(words: string, repository: string): string {
  if (!FEATURE_OFF.test(words)) return permissionHint(repository)
  return `Enable code scanning in the settings of ${repository} (private repositories need GitHub Code Security), or leave out \`upload-sarif\`.`
}

/** docs.github.com, "Permissions required for GitHub Apps", Code scanning alerts; commits of a private repository are contents. */
function permissionHint(repository: string): string {
  return `Add \`security-events: write\` to the \`permissions\` of the job, beside those that it has (\`contents: read\` too where ${repository} is private).`
}

/** Limits come as 403 too (docs.github.com, "Rate limits for the REST API"). */
function isLimit(response: Response, words: string): boolean {
  return (
    response.header('retry-after') !== undefined ||
    response.header('x-ratelimit-remaining') === '0' ||
    /rate limit|abuse/i.test(words)
  )
}

/** Sends the file and returns what GitHub calls it; empty when it does not say. */
async function send(api: Api, { sarif, commit, ref, started }: Upload): Promise<string> {
  const packed = await promisify(gzip)(sarif)
  if (packed.length > LARGEST)
    throw failed('CONTENT_REFUSED', `the file has ${packed.length} bytes, GitHub takes ${LARGEST}`)
  const body = {
    commit_sha: commit,
    ref,
    sarif: packed.toString('base64'),
    started_at: started.toISOString(),
    tool_name: 'Trivy',
  }
  const response = await api.send({ method: 'POST', path: SARIFS, body, patienceMs: UPLOAD_PATIENCE_MS })
  if (response.status === 202) return idIn(stringOf((await readObject(response))?.['id']))
  const words = await wordsOf(response)
  throw failed(codeOf(response, words), inWords(response.status, words))
}

/** A part of an address; anything else is no id. */
function idIn(text: string): string {
  return /^[\w-]{1,100}$/.test(text) ? text : ''
}

function codeOf(response: Response, words: string): FailureCode {
  const { status } = response
  if (status === 429 || status >= 500 || isLimit(response, words)) return 'REGISTRY_BUSY'
  return status === 413 || status === 400 || status === 422 ? 'CONTENT_REFUSED' : 'PUSH_DENIED'
}

function failed(code: FailureCode, why: string): LadingError {
  return new LadingError(code, `sending findings to GitHub: ${why}`)
}

/** One look at what has become of the file. Who cannot be asked, or is not done, has not refused it. */
async function lookAt(api: Api, id: string, { sleep, debug }: ApiOptions): Promise<void> {
  await sleep(LOOK_AFTER_MS)
  const response = await api
    .send({ method: 'GET', path: `${SARIFS}/${id}`, patienceMs: PATIENCE_MS })
    .catch(() => undefined)
  const answer = response?.status === 200 ? await readObject(response).catch(() => undefined) : undefined
  const status = stringOf(answer?.['processing_status'])
  debug(
    `code scanning: ${status === '' ? 'what became of the file is not known' : `the file is ${plainLine(status, 40)}`}`,
  )
  if (status !== 'failed') return
  const errors = answer?.['errors']
  const first = Array.isArray(errors) ? plainLine(stringOf(errors[0])) : ''
  throw failed('CONTENT_REFUSED', first === '' ? 'it could not be read there' : `it could not be read there: ${first}`)
}
