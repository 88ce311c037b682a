import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { Signer } from '../../src/scan/signature.ts'
import type { SigstoreKeys } from '../../src/scan/sigstore-keys.ts'
import {
  authorityExtension,
  bits,
  commonName,
  der,
  ecdsaWithSha256,
  identifier,
  octets,
  pem,
  sequence,
  utcTime,
} from './der.ts'

/** A part of Sigstore that signs with a key of its own in the name of the real one. */
export type Forged = 'authority' | 'certificate log' | 'log'

type Order = {
  readonly forged?: Forged
  /** when the log took it, in milliseconds after the certificate; a minute by default, and the certificate has ten */
  readonly loggedAfterMs?: number
}

export type OwnSigstore = {
  readonly keys: SigstoreKeys
  /** the bundle over a file, as cosign writes it beside a release */
  sign(file: Uint8Array, signer: Signer, order?: Order): Bundle
}

export type Bundle = ReturnType<typeof bundleOf>

type Pair = { readonly key: KeyObject; readonly spki: Buffer; readonly id: Buffer }

const MINUTE = 60_000
const SINCE = Date.UTC(2026, 0, 1)
const HOST = 'rekor.example'
const NAME = 'sigstore of the tests'

/** A Sigstore in memory: it certifies whoever is named, and keeps logs of one entry each. */
export function ownSigstore(): OwnSigstore {
  const [authority, certificateLog, log] = [newPair(), newPair(), newPair()]
  const from = new Date(SINCE).toISOString()
  const logKey = ({ id, spki }: Pair) => ({
    url: `https://${HOST}`,
    id: id.toString('base64'),
    key: spki.toString('base64'),
    from,
  })
  return {
    keys: {
      logs: [logKey(log)],
      certificateLogs: [logKey(certificateLog)],
      authorities: [{ chain: [rootCertificate(authority).toString('base64')], from }],
      timestampAuthorities: [],
    },
    sign(file, signer, { forged, loggedAfterMs = MINUTE } = {}) {
      const by = (part: Forged, pair: Pair): Pair => (forged === part ? { ...pair, key: newPair().key } : pair)
      const holder = newPair()
      const at = SINCE + MINUTE
      const [ca, ct] = [by('authority', authority), by('certificate log', certificateLog)]
      const certificate = leafCertificate({ holder, signer, ca, ct, at })
      return bundleOf({ file, holder, certificate, log: by('log', log), time: (at + loggedAfterMs) / 1000 })
    },
  }
}

function newPair(): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return { key: privateKey, spki, id: hash(spki) }
}

/** A root that signed itself. */
function rootCertificate(ca: Pair): Buffer {
  const validity = sequence(utcTime(SINCE), utcTime(SINCE + 365 * 24 * 60 * MINUTE))
  const keyIdentifier = sequence(identifier(0x55, 0x1d, 0x0e), octets(octets(ca.id)))
  const extensions = [authorityExtension, keyIdentifier]
  return signedBy(ca, bodyOf({ serial: newSerial(), validity, subject: commonName(NAME), holder: ca, extensions }))
}

type Leaf = {
  readonly holder: Pair
  readonly signer: Signer
  readonly ca: Pair
  readonly ct: Pair
  /** when it was given, in milliseconds */
  readonly at: number
}

/** What Fulcio gives (its docs/oid-info.md), with a receipt of the log of certificates (RFC 6962 §3.3). */
function leafCertificate({ holder, signer, ca, ct, at }: Leaf): Buffer {
  const authority = sequence(identifier(0x55, 0x1d, 0x23), octets(sequence(der(0x80, ca.id))))
  const identity = sequence(identifier(0x55, 0x1d, 0x11), octets(sequence(der(0x86, Buffer.from(signer.identity)))))
  const issuerId = identifier(0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x08)
  const issuer = sequence(issuerId, octets(der(0x0c, Buffer.from(signer.issuer))))
  const common = {
    serial: newSerial(),
    validity: sequence(utcTime(at), utcTime(at + 10 * MINUTE)),
    subject: sequence(),
    holder,
  }
  const extensions = [authority, identity, issuer]
  const receipts = receiptList(bodyOf({ ...common, extensions }), { ca, ct, at })
  const receiptId = identifier(0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02)
  const receipt = sequence(receiptId, octets(octets(receipts)))
  return signedBy(ca, bodyOf({ ...common, extensions: [...extensions, receipt] }))
}

/** The log signs the certificate as it is without the receipt (RFC 6962 §3.2). */
function receiptList(body: Buffer, { ca, ct, at }: Pick<Leaf, 'ca' | 'ct' | 'at'>): Buffer {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(at))
  const none = Buffer.from([0, 0])
  // Version 1, certificate_timestamp; then precert_entry.
  const signed = [Buffer.from([0, 0]), time, Buffer.from([0, 1]), ca.id, number(body.length, 3), body, none]
  const signature = sign(Buffer.concat(signed), ct)
  // SHA-256 and ECDSA, in the numbers of TLS.
  const algorithm = Buffer.from([4, 3])
  const receipt = counted(Buffer.from([0]), ct.id, time, none, algorithm, counted(signature))
  return counted(receipt)
}

type Body = {
  readonly serial: Buffer
  readonly validity: Buffer
  readonly subject: Buffer
  readonly holder: Pair
  readonly extensions: readonly Buffer[]
}

// RFC 5280 §4.1: TBSCertificate, version 3.
function bodyOf({ serial, validity, subject, holder, extensions }: Body): Buffer {
  const version = der(0xa0, der(0x02, Buffer.from([2])))
  const last = der(0xa3, sequence(...extensions))
  return sequence(version, serial, ecdsaWithSha256, commonName(NAME), validity, subject, holder.spki, last)
}

function newSerial(): Buffer {
  return der(0x02, Buffer.from([1]), randomBytes(8))
}

function signedBy(pair: Pair, body: Buffer): Buffer {
  return sequence(body, ecdsaWithSha256, bits(sign(body, pair)))
}

type Contents = {
  readonly file: Uint8Array
  readonly holder: Pair
  readonly certificate: Buffer
  readonly log: Pair
  /** seconds since 1970 */
  readonly time: number
}

/** A bundle of version 0.3 with one entry of the kind `hashedrekord`, the only one of its log. */
function bundleOf({ file, holder, certificate, log, time }: Contents) {
  const digest = hash(file)
  const signature = sign(file, holder)
  const publicKey = { content: Buffer.from(pem(certificate)).toString('base64') }
  const entry = Buffer.from(
    JSON.stringify({
      apiVersion: '0.0.1',
      kind: 'hashedrekord',
      spec: {
        data: { hash: { algorithm: 'sha256', value: digest.toString('hex') } },
        signature: { content: signature.toString('base64'), publicKey },
      },
    }),
  )
  const promised = { body: entry.toString('base64'), integratedTime: time, logID: log.id.toString('hex'), logIndex: 0 }
  // RFC 6962 §2.1: the root of a tree of one leaf is the hash of that leaf.
  const rootHash = hash(Buffer.from([0]), entry).toString('base64')
  const note = `${HOST} - 1\n1\n${rootHash}\n`
  const mark = Buffer.concat([log.id.subarray(0, 4), sign(Buffer.from(note), log)]).toString('base64')
  const tlogEntry = {
    logIndex: '0',
    logId: { keyId: log.id.toString('base64') },
    kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
    integratedTime: String(time),
    inclusionPromise: { signedEntryTimestamp: sign(Buffer.from(JSON.stringify(promised)), log).toString('base64') },
    inclusionProof: {
      logIndex: '0',
      rootHash,
      treeSize: '1',
      hashes: [],
      checkpoint: { envelope: `${note}\n\u2014 ${HOST} ${mark}\n` },
    },
    canonicalizedBody: entry.toString('base64'),
  }
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {
      certificate: { rawBytes: certificate.toString('base64') },
      tlogEntries: [tlogEntry],
      timestampVerificationData: {},
    },
    messageSignature: {
      messageDigest: { algorithm: 'SHA2_256', digest: digest.toString('base64') },
      signature: signature.toString('base64'),
    },
  }
}

function sign(bytes: Uint8Array, { key }: Pair): Buffer {
  return createSign('sha256').update(bytes).sign(key)
}

function hash(...parts: readonly Uint8Array[]): Buffer {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest()
}

/** With its length before it, in two bytes. */
function counted(...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([number(content.length, 2), content])
}

function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}
