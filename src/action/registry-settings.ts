import type { RegistrySettings } from '../access.ts'
import type { Form } from './form.ts'
import { mismatch, pemReader } from './pem.ts'
import { quoted } from './quoted.ts'
import { parseRegistry } from './registry-name.ts'
import { parseFlag } from './single-values.ts'
import { readYamlList, type YamlEntry, type YamlValue } from './yaml-list.ts'

const INPUT = 'registry-config'
const KEYS = ['registry', 'insecure', 'ca', 'client-cert', 'client-key', 'parallel']
export const MOST_PARALLEL = 64

/** `registry-config`: how single registries are reached. Every file is read here, before anything is sent anywhere. */
export async function readRegistrySettings(form: Form, workspace: string): Promise<readonly RegistrySettings[]> {
  const entries = await readYamlList(form, INPUT, KEYS)
  const seen = new Set<string>()
  const settings: RegistrySettings[] = []
  for (const entry of entries) {
    const found = await readEntry(form, workspace, entry)
    if (found === undefined) continue
    const { registry } = found
    if (seen.has(registry)) form.mistakes.push({ input: INPUT, line: entry.line, text: `${registry} is there twice` })
    seen.add(registry)
    settings.push(found)
  }
  return settings
}

async function readEntry(form: Form, workspace: string, entry: YamlEntry): Promise<RegistrySettings | undefined> {
  const { values } = entry
  const registry = readHost(form, entry)
  const insecure = readInsecure(form, values['insecure'])
  const parallel = readParallel(form, values['parallel'])
  const pem = pemReader(form, INPUT, workspace)
  const ca = await pem('ca', values['ca'])
  const client = await readClient(form, pem, entry)
  if (registry === undefined) return undefined
  return {
    registry,
    insecure,
    ...(ca === undefined ? {} : { ca }),
    ...(client === undefined ? {} : { client }),
    ...(parallel === undefined ? {} : { parallel }),
  }
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

function readParallel(form: Form, value: YamlValue | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = /^\d{1,9}$/.test(value.text) ? Number(value.text) : 0
  if (number >= 1 && number <= MOST_PARALLEL) return number
  const text = `parallel: ${quoted(value.text)} is no number from 1 to ${MOST_PARALLEL}`
  form.mistakes.push({ input: INPUT, line: value.line, text })
  return undefined
}

async function readClient(
  form: Form,
  pem: ReturnType<typeof pemReader>,
  { values, line }: YamlEntry,
): Promise<RegistrySettings['client']> {
  const [certValue, keyValue] = [values['client-cert'], values['client-key']]
  if (certValue === undefined && keyValue === undefined) return undefined
  if (certValue === undefined || keyValue === undefined) {
    const [given, missing] = certValue === undefined ? ['client-key', 'client-cert'] : ['client-cert', 'client-key']
    form.mistakes.push({ input: INPUT, line, text: `\`${given}\` needs \`${missing}\` beside it` })
    return undefined
  }
  const [cert, key] = [await pem('client-cert', certValue), await pem('client-key', keyValue)]
  if (cert === undefined || key === undefined) return undefined
  const why = await mismatch(cert, key)
  if (why === undefined) return { cert, key }
  form.mistakes.push({ input: INPUT, line: keyValue.line, text: `client-key: ${why}` })
  return undefined
}
