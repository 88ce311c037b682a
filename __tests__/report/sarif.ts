import { readFileSync } from 'node:fs'
import type { Report } from '../../src/report/report.ts'
import { sarifOf } from '../../src/report/sarif.ts'
import { violations } from './json-schema.ts'

/** What tests read of a SARIF file. */
export type Sarif = {
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly version?: string; readonly rules: readonly Rule[] } }
    readonly automationDetails: { readonly id: string }
    readonly invocations: readonly {
      readonly toolExecutionNotifications: readonly { readonly message: { readonly text: string } }[]
    }[]
    readonly results: readonly Result[]
  }[]
}

type Rule = {
  readonly id: string
  readonly helpUri?: string
  readonly shortDescription: { readonly text: string }
  readonly help: { readonly text: string; readonly markdown: string }
  readonly properties: { readonly tags: readonly string[]; readonly 'security-severity'?: string }
}

type Result = {
  readonly ruleId: string
  readonly ruleIndex: number
  readonly level: string
  readonly message: { readonly text: string }
  readonly locations: readonly { readonly physicalLocation: object }[]
  readonly partialFingerprints: { readonly primaryLocationLineHash: string }
  readonly properties: { readonly pass: string }
}

const SCHEMA: Readonly<Record<string, unknown>> = JSON.parse(
  readFileSync(new URL('./sarif.schema.json', import.meta.url), 'utf8'),
)

/** Where a file is not what SARIF and GitHub ask for; empty when it is. */
export function faultsOf(sarif: unknown): readonly string[] {
  return violations(sarif, SCHEMA)
}

/** The SARIF of a report, read. Throws when there is none. */
export function sarifIn(report: Report): Sarif {
  const text = sarifOf(report)
  if (text === undefined) throw new Error('nothing was scanned')
  const sarif: Sarif = JSON.parse(text)
  return sarif
}
