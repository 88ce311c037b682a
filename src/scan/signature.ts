import type { TrustMaterial } from '@sigstore/verify'
import { plainLine } from '../plain-text.ts'
import { type AuthorityKeys, type LogKey, PUBLIC_SIGSTORE, type SigstoreKeys } from './sigstore-keys.ts'

/** Who has to have signed: both are compared whole. */
export type Signer = {
  /** the workflow and its ref, as Fulcio writes it into the certificate (subject alternative name) */
  readonly identity: string
  /** who vouched for the identity when the certificate was given (OpenID Connect) */
  readonly issuer: string
}

/**
 * What a bundle says. `unknown`: it was made with a key, or in a form, that came into use after this release, so that it
 * proves nothing and disproves nothing. `wrong`: it contradicts the archive, its signer, or itself.
 */
export type Signed =
  | { readonly kind: 'verified'; readonly by: string }
  | { readonly kind: 'unknown'; readonly why: string }
  | { readonly kind: 'wrong'; readonly why: string }

export type SignatureRequest = {
  /** the bytes that were signed */
  readonly archive: Buffer
  /** in hex, of `archive` */
  readonly sha256: string
  /** the text of a `.sigstore.json` */
  readonly bundle: string
  readonly signer: Signer
  /** of the public instance by default */
  readonly keys?: SigstoreKeys
}

type Sigstore = typeof import('@sigstore/verify')
type Entity = ReturnType<Sigstore['toSignedEntity']>
type Bundle = Parameters<Sigstore['toSignedEntity']>[0]
type TrustedRoot = Parameters<Sigstore['toTrustMaterial']>[0]

/** The largest bundle that is read, in bytes; those of 2026 have 10 kB. */
export const BUNDLE_LIMIT = 256 * 1024

// https://github.com/sigstore/protobuf-specs, protos/sigstore_bundle.proto: the form of the bundle stands in its media type.
const MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.bundle(?:\+json;version=|\.v)(\d+\.\d+)(?:\+json)?$/
const VERSIONS: readonly string[] = ['0.1', '0.2', '0.3']

/** Who signs the archives of a Trivy release, by the maker's page on signature verification (since 0.68.1). */
export function signerOfTrivy(version: string): Signer {
  return {
    identity: `https://github.com/aquasecurity/trivy/.github/workflows/reusable-release.yaml@refs/tags/v${version}`,
    issuer: 'https://token.actions.githubusercontent.com',
  }
}

/**
 * Verifies a Sigstore bundle over a file: a certificate of Fulcio that stands in a log of certificates and was valid when
 * it signed; an entry for exactly this signature in the transparency log; the time from the log or a timestamp authority;
 * the signature over the bytes; and the signer. Nothing is asked of the network, and nothing that `bundle` says is thrown.
 */
export async function verifySignature(request: SignatureRequest): Promise<Signed> {
  const [sigstore, { bundleFromJSON }] = await Promise.all([import('@sigstore/verify'), import('@sigstore/bundle')])
  const { toSignedEntity, toTrustMaterial, Verifier } = sigstore
  if (Buffer.byteLength(request.bundle) > BUNDLE_LIMIT) return wrong(`it has more than ${BUNDLE_LIMIT} bytes`)
  const keys = toTrustMaterial(trustedRoot(request.keys ?? PUBLIC_SIGSTORE))
  try {
    const json: unknown = JSON.parse(request.bundle)
    const version = versionOf(json)
    if (version === undefined) return wrong('it is no Sigstore bundle')
    if (!VERSIONS.includes(version)) return { kind: 'unknown', why: `it is a bundle of version ${version}` }
    const bundle = bundleFromJSON(json)
    const other = otherFile(bundle, request.sha256)
    if (other !== undefined) return wrong(other)
    const entity = toSignedEntity(bundle, request.archive)
    const stranger = strangerIn(entity, keys)
    if (stranger !== undefined) return { kind: 'unknown', why: `it is by ${stranger} whose key is not known here` }
    const { identity } = new Verifier(keys).verify(entity)
    return bySigner(request.signer, identity?.subjectAlternativeName, identity?.extensions?.issuer)
  } catch (error) {
    return wrong(plainLine(error instanceof Error ? error.message : String(error)))
  }
}

/** As in the bundle's media type; `undefined` when it is no bundle at all. */
function versionOf(json: unknown): string | undefined {
  const isBundle = typeof json === 'object' && json !== null && 'mediaType' in json
  return isBundle && typeof json.mediaType === 'string' ? MEDIA_TYPE.exec(json.mediaType)?.[1] : undefined
}

/** Why a bundle is about something else. An attestation (DSSE) would be verified without a look at the archive. */
function otherFile({ content }: Bundle, sha256: string): string | undefined {
  if (content.$case !== 'messageSignature') return 'it is no signature of a file'
  const signed = content.messageSignature.messageDigest.digest.toString('hex')
  return signed === sha256 ? undefined : `it is about a file with the sha256 ${plainLine(signed)}`
}

/**
 * Who has a part in the bundle and is none of ours; checked for nothing else yet. That somebody may write a stranger's
 * name here wins him nothing: he could as well leave the bundle out. So it must count for no more than none.
 */
function strangerIn({ tlogEntries, timestamps, key }: Entity, keys: TrustMaterial): string | undefined {
  const { tlogs, ctlogs, certificateAuthorities, timestampAuthorities } = keys
  const isLogged = tlogEntries.every(({ logId }) => tlogs.some(({ logID }) => logID.equals(logId.keyId)))
  if (!isLogged) return 'a transparency log'
  const stamps = timestamps.flatMap((stamp) => (stamp.$case === 'timestamp-authority' ? [stamp.timestamp] : []))
  const isStamped = stamps.every(({ signerSerialNumber, signerIssuer }) =>
    timestampAuthorities.some(({ certChain: [leaf] }) => {
      return leaf?.serialNumber.equals(signerSerialNumber) === true && leaf.issuer.equals(signerIssuer)
    }),
  )
  if (!isStamped) return 'a timestamp authority'
  if (key.$case !== 'certificate') return undefined
  const { extAuthorityKeyID, extSCT } = key.certificate
  const authority = extAuthorityKeyID?.keyIdentifier
  const known = certificateAuthorities.flatMap(({ certChain }) => certChain.map((one) => one.extSubjectKeyID))
  if (authority !== undefined && !known.some((one) => one?.keyIdentifier.equals(authority))) {
    return 'a certificate authority'
  }
  const isPublic = extSCT?.signedCertificateTimestamps.every((sct) =>
    ctlogs.some(({ logID }) => logID.equals(sct.logID)),
  )
  return isPublic === false ? 'a log of certificates' : undefined
}

function bySigner(signer: Signer, identity: string | undefined, issuer: string | undefined): Signed {
  if (identity === undefined || issuer === undefined) return wrong('its certificate names nobody')
  if (identity !== signer.identity) return wrong(`it is by ${plainLine(identity)}`)
  if (issuer !== signer.issuer) return wrong(`its signer was vouched for by ${plainLine(issuer)}`)
  return { kind: 'verified', by: identity }
}

function wrong(why: string): Signed {
  return { kind: 'wrong', why }
}

function trustedRoot({ logs, certificateLogs, authorities, timestampAuthorities }: SigstoreKeys): TrustedRoot {
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: logs.map(trustedLog),
    ctlogs: certificateLogs.map(trustedLog),
    certificateAuthorities: authorities.map(trustedAuthority),
    timestampAuthorities: timestampAuthorities.map(trustedAuthority),
  }
}

function trustedLog({ url, id, key, ...time }: LogKey): TrustedRoot['tlogs'][number] {
  return {
    baseUrl: url,
    // SHA2_256, the only hash of these logs.
    hashAlgorithm: 1,
    // PUBLIC_KEY_DETAILS_UNSPECIFIED: the bytes say of what kind the key is.
    publicKey: { rawBytes: bytes(key), keyDetails: 0, validFor: validity(time) },
    logId: { keyId: bytes(id) },
    checkpointKeyId: undefined,
    operator: '',
  }
}

function trustedAuthority({ chain, ...time }: AuthorityKeys): TrustedRoot['certificateAuthorities'][number] {
  return {
    subject: undefined,
    uri: '',
    certChain: { certificates: chain.map((certificate) => ({ rawBytes: bytes(certificate) })) },
    validFor: validity(time),
    operator: '',
  }
}

function bytes(base64: string): Buffer<ArrayBuffer> {
  return Buffer.from(base64, 'base64')
}

function validity({ from, until }: Pick<LogKey, 'from' | 'until'>): { start: Date; end: Date | undefined } {
  return { start: new Date(from), end: until === undefined ? undefined : new Date(until) }
}
