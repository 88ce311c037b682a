import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto'
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
} from '../der.ts'

/**
 * A key and a certificate for 127.0.0.1 and some names, good for a day; made anew so that no key lies in the repository.
 */
export function selfSignedCertificate(hosts: readonly string[] = ['localhost']): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = certificateBody(publicKey.export({ type: 'spki', format: 'der' }), hosts)
  const signature = createSign('sha256').update(body).sign(privateKey)
  const certificate = sequence(body, ecdsaWithSha256, bits(signature))
  return { cert: pem(certificate), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

// RFC 5280 §4.1: TBSCertificate, version 3.
function certificateBody(publicKey: Uint8Array, hosts: readonly string[]): Buffer {
  const version = der(0xa0, der(0x02, Buffer.from([2])))
  // A leading 01 keeps the number positive.
  const serial = der(0x02, Buffer.from([1]), randomBytes(8))
  const name = commonName('in-process registry')
  const day = 24 * 60 * 60 * 1000
  const validity = sequence(utcTime(Date.now() - day), utcTime(Date.now() + day))
  const extensions = der(0xa3, sequence(authorityExtension, namesOf(hosts)))
  return sequence(version, serial, ecdsaWithSha256, name, validity, name, publicKey, extensions)
}

function namesOf(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) => der(0x82, Buffer.from(host)))
  const alternatives = sequence(...names, der(0x87, Buffer.from([127, 0, 0, 1])))
  return sequence(identifier(0x55, 0x1d, 0x11), octets(alternatives))
}
