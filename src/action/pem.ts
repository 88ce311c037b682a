import { resolve } from 'node:path'
import { readBounded } from './files.ts'
import type { Form } from './form.ts'
import type { InputName } from './input-table.ts'
import { quoted } from './quoted.ts'
import type { YamlValue } from './yaml-list.ts'

const LARGEST_FILE = 1024 * 1024

/** What stands in a PEM file, by the key of `registry-config` that names it. */
export const PEM_KINDS = {
  ca: { pattern: /-----BEGIN (?:TRUSTED )?CERTIFICATE-----/, name: 'certificate' },
  'client-cert': { pattern: /-----BEGIN CERTIFICATE-----/, name: 'certificate' },
  'client-key': { pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/, name: 'private key' },
} as const

/** Reads values that are PEM text or a path to it. Messages show a path and never what may be a key. */
export function pemReader(form: Form, input: InputName, workspace: string) {
  return async (key: keyof typeof PEM_KINDS, value: YamlValue | undefined): Promise<string | undefined> => {
    if (value === undefined) return undefined
    if (PEM_KINDS[key].pattern.test(value.text)) return value.text
    const { text, why } = await readNamed(value.text, workspace, PEM_KINDS[key])
    if (why !== undefined) form.mistakes.push({ input, line: value.line, text: `${key}: ${why}` })
    return text
  }
}

type Kind = (typeof PEM_KINDS)[keyof typeof PEM_KINDS]
type Found = { readonly text?: string; readonly why?: string }

async function readNamed(path: string, workspace: string, { pattern, name }: Kind): Promise<Found> {
  // Damaged PEM text is no path, and it may be most of a key.
  if (path.includes('-----') || path.includes('\n')) return { why: `the text holds no ${name} in PEM form` }
  const text = path === '' ? undefined : await readBounded(resolve(workspace, path), LARGEST_FILE)
  if (text === undefined) return { why: `the file ${quoted(path)} cannot be read` }
  return pattern.test(text) ? { text } : { why: `the file ${quoted(path)} holds no ${name} in PEM form` }
}

/** Why a key does not open a certificate, or `undefined`. */
export async function mismatch(cert: string, key: string): Promise<string | undefined> {
  const { createPrivateKey, X509Certificate } = await import('node:crypto')
  if (/BEGIN ENCRYPTED|,ENCRYPTED/.test(key)) return 'it has a passphrase; take one without'
  try {
    const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
    return isPair ? undefined : 'it is not the key of `client-cert`'
  } catch {
    // What the parser says may show what it read.
    return 'it cannot be read together with `client-cert`'
  }
}
