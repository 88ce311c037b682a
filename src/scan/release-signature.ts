import { createReadStream } from 'node:fs'
import { readFile, rm, stat } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Reporter } from '../edges.ts'
import { asLadingError, LadingError } from '../error.ts'
import { plainLine } from '../plain-text.ts'
import type { ScannerEdges } from './scanner.ts'
import { BUNDLE_LIMIT, signerOfTrivy, verifySignature } from './signature.ts'
import type { SigstoreKeys } from './sigstore-keys.ts'

/** A release's archive whose hash has been checked. */
export type CheckedArchive = {
  readonly name: string
  /** in words */
  readonly from: string
  readonly version: string
  /** in hex */
  readonly sha256: string
  /** in a folder of our own */
  readonly path: string
  /** its hash is in our own table, and not only in the workflow */
  readonly isListed: boolean
  /** whom its signature is measured against; Sigstore's public instance by default */
  readonly keys: SigstoreKeys | undefined
}

/** The bundle beside an archive, or why there is none to look at. */
export type FoundBundle = { readonly text: string } | { readonly missing: string }

const FETCH_MS = 30_000

/** The signature that the maker published beside the archive. Throws `CANCELLED` or `DISK_FULL`; any other trouble is "none". */
export async function fetchBundle(
  archive: URL,
  path: string,
  { signal }: { readonly signal: AbortSignal },
  { stores }: ScannerEdges,
): Promise<FoundBundle> {
  const url = new URL(`${archive.href}.sigstore.json`)
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)])
  try {
    await stores.download({ url, path, limit: BUNDLE_LIMIT, signal: inTime })
    return { text: await readFile(path, 'utf8') }
  } catch (thrown) {
    const error = asLadingError(thrown)
    if (signal.aborted || error.code === 'DISK_FULL') throw error
    return { missing: `it could not be fetched: ${inTime.aborted ? 'it took too long' : error.message}` }
  } finally {
    await rm(path, { force: true })
  }
}

/** The signature that lies beside an archive which the user named. */
export async function readBundle(archive: string): Promise<FoundBundle> {
  const path = `${archive}.sigstore.json`
  // Asked first: to open a pipe that nobody writes to would wait for ever.
  if ((await stat(path).catch(() => undefined))?.isFile() !== true)
    return { missing: 'there is none beside the archive' }
  try {
    // One byte more than may be there, so that what is too large is not taken for its beginning.
    return { text: await text(createReadStream(path, { end: BUNDLE_LIMIT })) }
  } catch (error) {
    return { missing: `it could not be read: ${String(error)}` }
  }
}

/**
 * Who signed an archive; `undefined` when nobody can say, which is as good as the hash: whoever could put a false
 * signature there could also take it away. Throws `TOOL_UNVERIFIED` for a signature that speaks against the archive.
 */
export async function signedBy(
  archive: CheckedArchive,
  bundle: FoundBundle,
  reporter: Reporter,
): Promise<string | undefined> {
  if ('missing' in bundle) return unsigned(archive, bundle.missing, reporter)
  const { sha256, version, keys } = archive
  const signed = await verifySignature({
    archive: await readFile(archive.path),
    sha256,
    bundle: bundle.text,
    signer: signerOfTrivy(version),
    ...(keys === undefined ? {} : { keys }),
  })
  switch (signed.kind) {
    case 'verified':
      reporter.info(`Trivy ${version} is signed by ${signed.by}`)
      return signed.by
    case 'unknown':
      return unsigned(archive, signed.why, reporter)
    case 'wrong':
      throw falselySigned(archive, signed.why)
  }
}

function unsigned({ isListed, version }: CheckedArchive, why: string, reporter: Reporter): undefined {
  const line = `The signature of Trivy ${version} was not verified: ${plainLine(why)}`
  if (isListed) reporter.debug(line)
  else reporter.info(`${line}. Its hash in \`trivy-version\` alone vouches for it`)
}

function falselySigned({ name, version, from }: CheckedArchive, why: string): LadingError {
  const message = `checking the signature of ${name}, which came from ${from}: ${why}. Nothing of it was started`
  return new LadingError('TOOL_UNVERIFIED', message, {
    hint: `Name another version in \`trivy-version\`, and find out who made this archive of Trivy ${version}: it has the hash that was asked for, and its signature is not that of its makers.`,
  })
}
