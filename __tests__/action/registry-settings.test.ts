import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readInputs } from '../../src/action/inputs.ts'
import { masksOf } from '../../src/action/masks.ts'
import { selfSignedCertificate } from '../support/registry/certificate.ts'
import { environment, folderWith, withInputs } from './given.ts'

const OWN = selfSignedCertificate()
const OTHER = selfSignedCertificate()
const block = (text: string) => `|\n${text.replace(/^(?=.)/gm, '    ')}`
const locked = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
}).privateKey

async function read(config: string) {
  const files = {
    Dockerfile: 'FROM scratch\n',
    'own.pem': OWN.cert,
    'own.key': OWN.key,
    'other.key': OTHER.key,
    'locked.key': locked,
    both: OWN.cert + OWN.key,
  }
  const workspace = folderWith(files)
  const inputs = withInputs({ images: 'a.b/c', 'registry-config': config })
  return readInputs(inputs, environment({ workspace })).then(
    ({ settings }) => settings,
    (error: Error) => error.message,
  )
}

describe('registry-config', () => {
  test('takes our own certificate from files, from one file, and as text', async () => {
    const config = [
      '- registry: a.b\n  client-cert: own.pem\n  client-key: own.key',
      '- registry: c.d\n  client-cert: both\n  client-key: both',
      `- registry: e.f\n  client-cert: ${block(OWN.cert)}  client-key: ${block(OWN.key)}`,
    ]
    expect(await read(config.join('\n'))).toEqual([
      { registry: 'a.b', insecure: false, client: { cert: OWN.cert, key: OWN.key } },
      { registry: 'c.d', insecure: false, client: { cert: OWN.cert + OWN.key, key: OWN.cert + OWN.key } },
      { registry: 'e.f', insecure: false, client: { cert: OWN.cert, key: OWN.key } },
    ])
  })

  test('takes the number of transfers of one registry', async () => {
    expect(await read('- registry: a.b\n  parallel: 2')).toEqual([{ registry: 'a.b', insecure: false, parallel: 2 }])
  })

  test.each([
    ['parallel: 0', 'parallel: “0” is no number from 1 to 64'],
    ['parallel: 65', 'parallel: “65” is no number'],
    ['parallel: many', 'parallel: “many” is no number'],
    ['client-cert: own.pem', '`client-cert` needs `client-key` beside it'],
    ['client-key: own.key', '`client-key` needs `client-cert` beside it'],
    ['client-cert: own.pem\n  client-key: no.key', 'client-key: the file “no.key” cannot be read'],
    ['client-cert: own.key\n  client-key: own.key', 'client-cert: the file “own.key” holds no certificate'],
    ['client-cert: own.pem\n  client-key: own.pem', 'client-key: the file “own.pem” holds no private key'],
    ['client-cert: own.pem\n  client-key: other.key', 'line 3: client-key: it is not the key of `client-cert`'],
    ['client-cert: own.pem\n  client-key: locked.key', 'client-key: it has a passphrase'],
    ['mirror: x', 'unknown key “mirror”'],
    ['clent-key: x', 'did you mean `client-key`?'],
  ])('with %j is a mistake', async (line, part) => {
    expect(await read(`- registry: a.b\n  ${line}`)).toContain(part)
  })

  test('with a damaged key is a mistake that does not show it', async () => {
    const damaged = OWN.key.replace('BEGIN', 'BEGlN').trim()
    const said = await read(`- registry: a.b\n  client-cert: own.pem\n  client-key: ${block(damaged)}`)
    expect(said).toContain('client-key: the text holds no private key in PEM form')
    expect(said).not.toContain(OWN.key.split('\n')[1])
  })

  test('with a key in it is masked line by line, also where nobody can read it', async () => {
    const lines = OWN.key.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
    const good = `- registry: a.b\n  client-cert: own.pem\n  client-key: ${block(OWN.key)}`
    for (const config of [good, `${good}: "`]) {
      const masks = await masksOf(withInputs({ images: 'a.b/c', 'registry-config': config }))
      for (const line of lines) expect(masks).toContain(line)
    }
    const public_ = `- registry: a.b\n  ca: ${block(OWN.cert)}`
    expect(await masksOf(withInputs({ images: 'a.b/c', 'registry-config': public_ }))).toEqual([])
  })
})
