import { resolve } from 'node:path'
import type { RegistrySettings } from '../access.ts'
import { readBounded } from './files.ts'
import type { Form } from './form.ts'
import { quoted } from './quoted.ts'
import { parseRegistry } from './registry-name.ts'
import { parseFlag } from './single-values.ts'
import { readYamlList, type YamlEntry, type YamlValue } from './yaml-list.ts'

const INPUT = 'registry-config'
const LARGEST_CA = 1024 * 1024

/** `registry-config`: how single registries are reached. */
export async function readRegistrySettings(form: Form, workspace: string): Promise<readonly RegistrySettings[]> {
  const entries = await readYamlList(form, INPUT, ['registry', 'insecure', 'ca'])
  const seen = new Set<string>()
  const settings: RegistrySettings[] = []
  for (const entry of entries) {
    const registry = readHost(form, entry)
    const insecure = readInsecure(form, entry.values['insecure'])
    const ca = await readAuthority(form, workspace, entry.values['ca'])
    if (registry === undefined) continue
    if (seen.has(registry)) form.mistakes.push({ input: INPUT, line: entry.line, text: `${registry} is there twice` })
    seen.add(registry)
    settings.push({ registry, insecure, ...(ca === undefined ? {} : { ca }) })
  }
  return settings
}

function readHost(form: Form, { values, line }: YamlEntry): string | undefined {
  const written = values['registry']
  if (written === undefined || written.text === '') {
    form.mistakes.push({ input: INPUT, line, text: 'an entry names its `registry`' })
    return undefined
  }
  const name = parseRegistry(written.text)
  if (name !== undefined && name.prefix === '') return name.registry
  form.mistakes.push({
    input: INPUT,
    line: written.line,
    text: `${quoted(written.text)} is not a registry such as localhost:5000`,
  })
  return undefined
}

function readInsecure(form: Form, value: YamlValue | undefined): boolean {
  if (value === undefined) return false
  const flag = parseFlag(value.text)
  if (flag === undefined) {
    form.mistakes.push({
      input: INPUT,
      line: value.line,
      text: `insecure: ${quoted(value.text)} is neither true nor false`,
    })
  }
  return flag ?? false
}

async function readAuthority(form: Form, workspace: string, value: YamlValue | undefined): Promise<string | undefined> {
  if (value === undefined) return undefined
  if (isPem(value.text)) return value.text
  const text = value.text === '' ? undefined : await readBounded(resolve(workspace, value.text), LARGEST_CA)
  if (text !== undefined && isPem(text)) return text
  const why = text === undefined ? 'cannot be read' : 'holds no certificate in PEM form'
  form.mistakes.push({ input: INPUT, line: value.line, text: `ca: the file ${quoted(value.text)} ${why}` })
  return undefined
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN CERTIFICATE-----') || text.includes('-----BEGIN TRUSTED CERTIFICATE-----')
}
