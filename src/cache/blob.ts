import { randomUUID } from 'node:crypto'
import { readStart } from '../net/read.ts'
import { isSameOrigin } from '../net/redirect.ts'
import type { Body, Headers } from '../net/send.ts'
import { type KeptFile, type Part, partsOf, sendParts } from './parts.ts'
import type { Place } from './place.ts'
import { type Errand, refusal } from './service.ts'

/**
 * Writes a block blob of Azure at a signed address: by one Put Blob, or by Put Block for each part and a Put Block List
 * (Azure's REST API of these names). No `x-ms-version`: with a shared access signature its `sv` says the version
 * (“Previous Azure Storage versions”).
 */
export async function putBlob(url: URL, file: KeptFile, { base }: Place, errand: Errand): Promise<void> {
  const parts = partsOf(file)
  const [first] = parts
  const put = (query: string, body: Body, headers: Headers, signal: AbortSignal) =>
    putOnce(withQuery(url, query), { body, headers }, { base, errand: { ...errand, signal } })
  if (first !== undefined && parts.length === 1) {
    return put('', first.body, { ...BYTES, 'x-ms-blob-type': 'BlockBlob' }, errand.signal)
  }
  const nameOf = blockNames()
  await sendParts(parts, errand.signal, (part, signal) =>
    put(`comp=block&blockid=${encodeURIComponent(nameOf(part))}`, part.body, BYTES, signal),
  )
  const list = parts.map((part) => `<Latest>${nameOf(part)}</Latest>`).join('')
  const bytes = `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`
  await put('comp=blocklist', { kind: 'bytes', bytes }, { 'content-type': 'application/xml' }, errand.signal)
}

const BYTES = { 'content-type': 'application/octet-stream' } as const

type Sending = { readonly base: URL; readonly errand: Errand }

/** Without the token: the signature is all that the store may have. */
async function putOnce(
  url: URL,
  content: { readonly body: Body; readonly headers: Headers },
  { base, errand: { send, signal } }: Sending,
): Promise<void> {
  const led = isSameOrigin(url, base) ? {} : { ledBy: base }
  const response = await send({ method: 'PUT', url, ...content, ...led, repeatable: true, signal })
  const said = await readStart(response, 64 * 1024)
  // Azure says 201 to all three.
  if (response.status !== 201 && response.status !== 200) {
    // `<Error><Code>InvalidBlockList</Code>…`; its messages repeat what was asked, the signature included.
    const error = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(said)?.[1] ?? ''
    throw refusal(`sending it to ${url.host}`, { status: response.status, json: { error } })
  }
}

/** Appended as text: whoever parses and writes a signed query anew may change what was signed. */
function withQuery(url: URL, query: string): URL {
  if (query === '') return url
  return new URL(`${url.href}${url.search === '' ? '?' : '&'}${query}`)
}

/**
 * Names of blocks: base64, all of one length, of at most 64 bytes (Put Block). Of the form of Azure's own client, a UUID
 * and the number in 12 digits, since stand-ins for the service read the number out of it.
 */
function blockNames(): (part: Part) => string {
  const upload = randomUUID()
  return ({ index }) => Buffer.from(`${upload}${String(index).padStart(12, '0')}`).toString('base64')
}
