import { LadingError } from '../error.ts'
import { type Digest, tryParseDigest } from '../image/digest.ts'
import { plainLine } from '../plain-text.ts'
import { SEVERITIES, type Severity } from '../plan/request.ts'

/** Something that the scanner found in one platform. What a found secret is, is dropped while reading. */
export type Finding = (Vulnerability | FoundSecret | Misconfiguration | FoundLicense) & Traits

/** What is known about a finding beside what was found. */
export type Traits = {
  /** the layer that brought it; none for what stands in the configuration */
  readonly layer?: Digest
  /** whether that layer is one of the base image; unknown when nobody names the base */
  readonly origin?: 'base' | 'added'
  /** the baseline has it too */
  readonly isKnown?: true
}

/** A finding that an exception or a VEX document takes out of the count, and what is said for it. */
export type Accepted = Finding & { readonly reason: string }

export type Vulnerability = {
  readonly kind: 'vulnerability'
  /** `CVE-2026-1234` */
  readonly id: string
  readonly severity: Severity
  readonly package: string
  readonly installed: string
  /** empty while there is none */
  readonly fixed: string
  /** Trivy's: `fixed`, `affected`, `will_not_fix`, …; empty when it is not known */
  readonly status: string
  readonly title: string
  /** http or https, or empty */
  readonly url: string
  readonly purl: string
}

export type FoundSecret = {
  readonly kind: 'secret'
  /** of the rule that matched */
  readonly id: string
  readonly severity: Severity
  readonly title: string
  /** in the image; `image configuration` for its environment and history */
  readonly file: string
  readonly line: number
}

/** A file of the image that sets something up in a way that experts advise against. */
export type Misconfiguration = {
  readonly kind: 'misconfiguration'
  /** of the check: `DS-0002` */
  readonly id: string
  readonly severity: Severity
  readonly title: string
  readonly file: string
  /** 0 when it is about the whole file */
  readonly line: number
  readonly url: string
}

export type FoundLicense = {
  readonly kind: 'license'
  /** `GPL-3.0-only` */
  readonly id: string
  readonly severity: Severity
  /** Trivy's: `restricted`, `forbidden`, … */
  readonly title: string
  /** package or file */
  readonly package: string
  readonly url: string
}

/** What was found in one platform. */
export type PlatformScan = {
  readonly platform: string
  /** digest of the configuration that was scanned, as the scanner tells it */
  readonly imageId: Digest
  /** `alpine 3.20.3`; empty when there is none */
  readonly os: string
  /** nobody writes advisories for this system any more, so that a clean result says little */
  readonly endOfLife: boolean
  readonly findings: readonly Finding[]
  /** found too, and taken out by an exception or a VEX document: Trivy's exit code is not about these */
  readonly accepted: readonly Accepted[]
  /** the file with what is in the platform, when it was asked for */
  readonly sbom?: string
  /** the base image, for people; absent when nobody knows it */
  readonly base?: string
}

/** What a report must be about. */
export type Expected = {
  readonly platform: string
  /** digest of the configuration that the scanner was given, where a layer's diff ID is the digest of its blob */
  readonly config: Digest
  readonly layers: ReadonlySet<Digest>
  /** `--input` as it was given */
  readonly input: string
  readonly severities: readonly Severity[]
}

/**
 * Reads Trivy's JSON (schema 2). Throws `SCAN_BROKEN` when it is not exactly what was asked for: another image, another
 * shape, a level that was not asked. A report without `Results` is a clean one: that is how `FROM scratch` looks.
 */
export function parseFindings(text: string, expected: Expected): PlatformScan {
  const reader = readerOf(expected)
  const report = reader.object(parseJson(text, reader), 'the report')
  if (report['SchemaVersion'] !== 2) throw reader.wrong('SchemaVersion is not 2')
  if (report['ArtifactType'] !== 'container_image') throw reader.wrong('it is not about an image')
  const metadata = reader.object(report['Metadata'], 'Metadata')
  const imageId = imageIdOf(metadata, expected, reader)
  const os = metadata['OS'] === undefined ? {} : reader.object(metadata['OS'], 'OS')
  const results = reader.list(report['Results'], 'Results')
  return {
    platform: expected.platform,
    imageId,
    os: plainLine(`${reader.text(os['Family'], 'OS.Family')} ${reader.text(os['Name'], 'OS.Name')}`, 100),
    endOfLife: os['EOSL'] === true,
    findings: results.flatMap((result) => findingsOf(result, expected, reader)),
    accepted: results.flatMap((result) => acceptedOf(result, expected, reader)),
  }
}

/** The proof that the report is about this platform: Trivy takes the first manifest of whatever it is given. */
function imageIdOf(metadata: Json, expected: Expected, reader: Reader): Digest {
  const imageId = tryParseDigest(reader.text(metadata['ImageID'], 'ImageID'))
  if (imageId === undefined) throw reader.wrong('it does not say which image it is about')
  if (imageId !== expected.config) throw reader.wrong(`it is about the image ${imageId} and not ${expected.config}`)
  return imageId
}

function findingsOf(value: unknown, expected: Expected, reader: Reader): readonly Finding[] {
  const result = reader.object(value, 'a result')
  const file = fileOf(result, expected, reader)
  const vulnerabilities = reader.list(result['Vulnerabilities'], 'Vulnerabilities')
  const secrets = reader.list(result['Secrets'], 'Secrets')
  const misconfigurations = reader.list(result['Misconfigurations'], 'Misconfigurations')
  const licenses = reader.list(result['Licenses'], 'Licenses')
  return [
    ...vulnerabilities.map((item) => vulnerabilityOf(reader.object(item, 'a vulnerability'), reader)),
    ...secrets.map((item) => secretOf(reader.object(item, 'a secret'), file, reader)),
    ...misconfigurations.map((item) => misconfigurationOf(reader.object(item, 'a misconfiguration'), file, reader)),
    ...licenses.map((item) => licenseOf(reader.object(item, 'a license'), reader)),
  ]
}

function fileOf(result: Json, { input }: Expected, reader: Reader): string {
  const target = reader.text(result['Target'], 'Target')
  // Environment and history are reported under the name of the whole image.
  return target === input ? 'image configuration' : plainLine(target)
}

/** What `--show-suppressed` lists: hidden by the file of exceptions, by VEX or by `license.ignored`. */
function acceptedOf(value: unknown, expected: Expected, reader: Reader): readonly Accepted[] {
  const result = reader.object(value, 'a result')
  const file = fileOf(result, expected, reader)
  return reader.list(result['ExperimentalModifiedFindings'], 'ExperimentalModifiedFindings').flatMap((item) => {
    const modified = reader.object(item, 'an accepted finding')
    const finding = modifiedFinding(modified, file, reader)
    return finding === undefined ? [] : [{ ...finding, reason: reasonOf(modified, reader) }]
  })
}

function modifiedFinding(modified: Json, file: string, reader: Reader): Finding | undefined {
  const json = reader.object(modified['Finding'], 'an accepted finding')
  switch (modified['Type']) {
    case 'vulnerability':
      return vulnerabilityOf(json, reader)
    case 'secret':
      return secretOf(json, file, reader)
    case 'license':
      return licenseOf(json, reader)
    case 'misconfiguration':
      // Exceptions are applied before what is well is left out.
      return json['Status'] === 'FAIL' ? misconfigurationOf(json, file, reader) : undefined
    default:
      throw reader.wrong('an accepted finding is of no known kind')
  }
}

/** Our own file has where it is written in the statement; VEX has a status and a justification. */
function reasonOf(modified: Json, reader: Reader): string {
  const status = plainLine(reader.text(modified['Status'], 'Status'), 40)
  const statement = plainLine(reader.text(modified['Statement'], 'Statement'), 600)
  if (status !== 'ignored') return `${status}${statement === '' ? '' : `: ${statement}`} (VEX)`
  return statement === '' ? plainLine(reader.text(modified['Source'], 'Source'), 100) : statement
}

function vulnerabilityOf(json: Json, reader: Reader): Vulnerability & Traits {
  const identifier = json['PkgIdentifier'] === undefined ? {} : reader.object(json['PkgIdentifier'], 'PkgIdentifier')
  return {
    kind: 'vulnerability',
    id: reader.name(json['VulnerabilityID'], 'VulnerabilityID'),
    severity: reader.severity(json['Severity']),
    package: reader.name(json['PkgName'], 'PkgName'),
    installed: plainLine(reader.text(json['InstalledVersion'], 'InstalledVersion')),
    fixed: plainLine(reader.text(json['FixedVersion'], 'FixedVersion')),
    status: plainLine(reader.text(json['Status'], 'Status')),
    title: plainLine(reader.text(json['Title'], 'Title')),
    url: reader.link(json['PrimaryURL'], 'PrimaryURL'),
    purl: plainLine(reader.text(identifier['PURL'], 'PURL'), 1000),
    ...reader.layer(json['Layer']),
  }
}

/** `Match` and `Code` hold the secret's surroundings, masked by a guess of the scanner: they are not even read. */
function secretOf(json: Json, file: string, reader: Reader): FoundSecret & Traits {
  const line = json['StartLine']
  if (typeof line !== 'number' || !Number.isSafeInteger(line)) throw reader.wrong('a secret has no line')
  return {
    kind: 'secret',
    id: reader.name(json['RuleID'], 'RuleID'),
    severity: reader.severity(json['Severity']),
    title: plainLine(reader.text(json['Title'], 'Title')),
    file,
    line,
    ...reader.layer(json['Layer']),
  }
}

function misconfigurationOf(json: Json, file: string, reader: Reader): Misconfiguration & Traits {
  const cause = json['CauseMetadata'] === undefined ? {} : reader.object(json['CauseMetadata'], 'CauseMetadata')
  const line = cause['StartLine']
  return {
    kind: 'misconfiguration',
    id: reader.name(json['ID'], 'ID'),
    severity: reader.severity(json['Severity']),
    title: plainLine(reader.text(json['Title'], 'Title')),
    file,
    line: typeof line === 'number' && Number.isSafeInteger(line) ? line : 0,
    url: reader.link(json['PrimaryURL'], 'PrimaryURL'),
    ...reader.layer(json['Layer']),
  }
}

function licenseOf(json: Json, reader: Reader): FoundLicense {
  const packageName = reader.text(json['PkgName'], 'PkgName')
  return {
    kind: 'license',
    id: reader.name(json['Name'], 'Name'),
    severity: reader.severity(json['Severity']),
    title: plainLine(reader.text(json['Category'], 'Category')),
    package: plainLine(packageName === '' ? reader.text(json['FilePath'], 'FilePath') : packageName),
    url: reader.link(json['Link'], 'Link'),
  }
}

type Json = Readonly<Record<string, unknown>>

type Reader = {
  wrong(why: string): LadingError
  object(value: unknown, what: string): Json
  /** absent is empty: Trivy leaves out what is empty */
  list(value: unknown, what: string): readonly unknown[]
  text(value: unknown, what: string): string
  /** a text that must be there */
  name(value: unknown, what: string): string
  /** an http or https address, or empty */
  link(value: unknown, what: string): string
  severity(value: unknown): Severity
  /** which layer brought a finding, when it is one of the image: an SBOM in the image can name any other */
  layer(value: unknown): Pick<Traits, 'layer'>
}

function readerOf(expected: Expected): Reader {
  const wrong = (why: string): LadingError =>
    new LadingError('SCAN_BROKEN', `reading the scanner's report about ${plainLine(expected.platform)}: ${why}`)
  const text = (value: unknown, what: string): string => {
    if (value === undefined) return ''
    if (typeof value !== 'string') throw wrong(`${what} is not a text`)
    return value
  }
  const object = (value: unknown, what: string): Json => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${what} is not an object`)
    return Object.fromEntries(Object.entries(value))
  }
  return {
    wrong,
    text,
    object,
    list(value, what) {
      if (value === undefined) return []
      if (!Array.isArray(value)) throw wrong(`${what} is not a list`)
      return value
    },
    name(value, what) {
      const name = plainLine(text(value, what))
      if (name === '') throw wrong(`${what} is empty`)
      return name
    },
    link(value, what) {
      const url = text(value, what)
      return /^https?:\/\//.test(url) ? plainLine(url, 1000) : ''
    },
    severity(value) {
      const severity = SEVERITIES.find((known) => known === value)
      if (severity === undefined) throw wrong('a finding has no known severity')
      if (!expected.severities.includes(severity)) throw wrong(`a finding is ${severity}, which was not asked for`)
      return severity
    },
    layer(value) {
      const layer = value === undefined ? '' : text(object(value, 'Layer')['DiffID'], 'Layer.DiffID')
      const digest = tryParseDigest(layer)
      return digest !== undefined && expected.layers.has(digest) ? { layer: digest } : {}
    },
  }
}

function parseJson(text: string, reader: Reader): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No cause: the parser's message repeats a piece of the text, and the report holds the image's environment in clear.
    throw reader.wrong('it is not JSON')
  }
}
