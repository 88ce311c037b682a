type Json = Readonly<Record<string, unknown>>

const KNOWN = new Set(
  '$schema title description type properties required additionalProperties items enum const pattern minimum anyOf $ref $defs'.split(
    ' ',
  ),
)

/**
 * Where `value` breaks `schema`, as JSON pointers with a reason: the part of JSON Schema 2020-12 that
 * `docs/report.schema.json` uses. A keyword that it does not know is a violation, so that nothing is passed over.
 */
export function violations(value: unknown, schema: Json, root: Json = schema, at = ''): readonly string[] {
  const unknown = Object.keys(schema).filter((keyword) => !KNOWN.has(keyword))
  return [
    ...unknown.map((keyword) => `${at}: unknown keyword ${keyword}`),
    ...referred(value, schema, root, at),
    ...scalars(value, schema).map((why) => `${at}: ${why}`),
    ...(Array.isArray(value) ? elements(value, schema, root, at) : []),
    ...(isObject(value) ? members(value, schema, root, at) : []),
  ]
}

function referred(value: unknown, schema: Json, root: Json, at: string): readonly string[] {
  const found: string[] = []
  if (typeof schema['$ref'] === 'string') {
    const name = schema['$ref'].replace('#/$defs/', '')
    const target = object(root['$defs'])[name]
    found.push(...(isObject(target) ? violations(value, target, root, at) : [`${at}: no definition ${name}`]))
  }
  const choices = Array.isArray(schema['anyOf']) ? schema['anyOf'] : undefined
  const fits = choices?.some((choice) => violations(value, object(choice), root, at).length === 0)
  if (fits === false) found.push(`${at}: none of the choices`)
  return found
}

function scalars(value: unknown, schema: Json): readonly string[] {
  const { type, pattern, minimum } = schema
  const checks: readonly [boolean, string][] = [
    [type === undefined || typesOf(value).includes(String(type)), `is no ${String(type)}`],
    [!('const' in schema) || schema['const'] === value, 'is not the constant'],
    [!Array.isArray(schema['enum']) || schema['enum'].includes(value), 'is none of the words'],
    [
      typeof pattern !== 'string' || (typeof value === 'string' && new RegExp(pattern, 'u').test(value)),
      'has another form',
    ],
    [typeof minimum !== 'number' || (typeof value === 'number' && value >= minimum), 'is too small'],
  ]
  return checks.filter(([holds]) => !holds).map(([, why]) => why)
}

function elements(value: readonly unknown[], schema: Json, root: Json, at: string): readonly string[] {
  return value.flatMap((element, index) => violations(element, object(schema['items']), root, `${at}/${index}`))
}

function members(value: Json, schema: Json, root: Json, at: string): readonly string[] {
  const properties = object(schema['properties'])
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const missing = required.filter((name) => !(String(name) in value)).map((name) => `${at}/${String(name)}: is missing`)
  const rest = schema['additionalProperties']
  const own = Object.entries(value).flatMap(([name, member]) => {
    if (name in properties) return violations(member, object(properties[name]), root, `${at}/${name}`)
    if (rest === false) return [`${at}/${name}: is not known`]
    return isObject(rest) ? violations(member, rest, root, `${at}/${name}`) : []
  })
  return [...missing, ...own]
}

function typesOf(value: unknown): readonly string[] {
  if (value === null) return ['null']
  if (Array.isArray(value)) return ['array']
  if (Number.isInteger(value)) return ['number', 'integer']
  return [typeof value]
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function object(value: unknown): Json {
  return isObject(value) ? value : {}
}
