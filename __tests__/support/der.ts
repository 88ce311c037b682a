/** One value in DER (X.690): its tag, its length, and what is in it. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content])
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(0x30, ...contents)
}

/** An object identifier, already encoded. */
export function identifier(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes))
}

export function octets(...contents: readonly Uint8Array[]): Buffer {
  return der(0x04, ...contents)
}

export function bits(content: Uint8Array): Buffer {
  return der(0x03, Buffer.from([0]), content)
}

export function utcTime(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${digits}Z`))
}

export function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

export const ecdsaWithSha256 = sequence(identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))

/** basicConstraints with CA: the certificate may sign others, itself for one. */
export const authorityExtension = sequence(
  identifier(0x55, 0x1d, 0x13),
  octets(sequence(der(0x01, Buffer.from([0xff])))),
)

/** A name that is nothing but a common name. */
export function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(identifier(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))))
}
