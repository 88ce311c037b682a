import { serveDatabase } from '../../__tests__/support/trivy-database.ts'
import { type Located, locate, type PartName, type StartedEngine, startEngine } from '../part/index.ts'

/** Something that the demonstration can use when the machine has it, and the sentence that says which it is. */
export type Offer<T> = { readonly value?: T; readonly said: string }

/** Trivy, and a registry of our own that serves it a small vulnerability database. */
export type Scanner = { readonly trivyPath: string; readonly repository: string; stop(): Promise<void> }

/** An engine that exports OCI layouts: the running one, or one that `scripts/parts` has installed. Never installs. */
export async function offeredEngine(): Promise<Offer<StartedEngine>> {
  const instead = 'The sample is a finished OCI layout instead of a build.'
  const missing = await firstMissing(['engine', 'buildx'])
  if (missing !== undefined) return { said: `Engine: ${missing.why}. ${instead}` }
  try {
    const value = await startEngine('containerd')
    return { value, said: 'Engine: there, with the containerd image store. It builds the sample image.' }
  } catch (error) {
    return { said: `Engine: ${firstLine(error)} ${instead}` }
  }
}

/** Trivy from LADING_TRIVY, from PATH or from `scripts/parts`, with the database of `scripts/parts`. Never installs. */
export async function offeredScanner(): Promise<Offer<Scanner>> {
  const missing = await firstMissing(['trivy', 'trivy-db'])
  if (missing !== undefined) return { said: `Trivy: ${missing.why}; nothing is scanned here. ${missing.remedy}` }
  const { path, how } = await found('trivy')
  const { repository, stop } = await serveDatabase()
  return {
    value: { trivyPath: path, repository, stop },
    said: `Trivy: ${how}. Its database is a small one of this project.`,
  }
}

type Missing = Extract<Located, { readonly found: false }>

async function firstMissing(names: readonly PartName[]): Promise<Missing | undefined> {
  for (const name of names) {
    const located = await locate(name)
    if (!located.found) return located
  }
  return undefined
}

async function found(name: PartName): Promise<Extract<Located, { readonly found: true }>> {
  const located = await locate(name)
  if (!located.found) throw new Error(`${name} was there a moment ago: ${located.why}`)
  return located
}

function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return line.endsWith('.') ? line : `${line}.`
}
