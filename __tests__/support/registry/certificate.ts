import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto'

/**
 * A key and a certificate for 127.0.0.1 and some names, good for a day; made anew so that no key lies in the repository.
 */
export function selfSignedCertificate(hosts: readonly string[] = ['localhost']): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = certificateBody(publicKey.export({ type: 'spki', format: 'der' }), hosts)
  const signature = createSign('sha256').update(body).sign(privateKey)
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  return { cert: pem(certificate), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

// RFC 5280 §4.1: TBSCertificate, version 3.
function certificateBody(publicKey: Uint8Array, hosts: readonly string[]): Buffer {
  const version = der(0xa0, der(0x02, Buffer.from([2])))
  // A leading 01 keeps the number positive.
  const serial = der(0x02, Buffer.from([1]), randomBytes(8))
  const name = sequence(
    der(0x31, sequence(identifier(0x55, 0x04, 0x03), der(0x0c, Buffer.from('in-process registry')))),
  )
  const day = 24 * 60 * 60 * 1000
  const validity = sequence(utcTime(Date.now() - day), utcTime(Date.now() + day))
  const extensions = der(0xa3, sequence(authority, namesOf(hosts)))
  return sequence(version, serial, ecdsaWithSha256, name, validity, name, publicKey, extensions)
}

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content])
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}

function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(0x30, ...contents)
}

function identifier(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes))
}

function utcTime(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${digits}Z`))
}

const ecdsaWithSha256 = sequence(identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
// basicConstraints with CA: the certificate is its own authority.
const authority = sequence(identifier(0x55, 0x1d, 0x13), der(0x04, sequence(der(0x01, Buffer.from([0xff])))))

function namesOf(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) => der(0x82, Buffer.from(host)))
  const alternatives = sequence(...names, der(0x87, Buffer.from([127, 0, 0, 1])))
  return sequence(identifier(0x55, 0x1d, 0x11), der(0x04, alternatives))
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
