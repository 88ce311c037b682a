import type { Repository } from '../image/reference.ts'
import type { Mounted } from './mount.ts'
import type { Site } from './site.ts'

/**
 * Repositories of the registry that were asked for layers, by path: `lent` one, `kept` the first (it does not have it, or
 * the registry does not mount), `closed` to us.
 */
export type Lenders = Map<string, 'lent' | 'kept' | 'closed' | { readonly asked: Promise<unknown> }>

/** What came of asking for one layer; `from` is `undefined` when nobody was left to ask. */
export type Loan = { readonly from: string | undefined; readonly answer: Mounted }

/** Those of `repositories` that a site can mount from, by path. */
export function lendersFor({ connection, path }: Site, repositories: readonly Repository[]): readonly string[] {
  const here = repositories.filter((one) => one.registry === connection.registry && one.path !== path)
  return here.map((one) => one.path)
}

/**
 * Asks one of `candidates` for a layer by `ask`: one that lent already, else the first that was never asked, else (with
 * `evenKept`) one that had another layer not. A new one is asked for a single layer first, as it may be closed to us.
 */
export async function borrow(
  lenders: Lenders,
  candidates: readonly string[],
  evenKept: boolean,
  ask: (from: string) => Promise<Mounted>,
): Promise<Loan> {
  // Nothing is awaited between the last look and the note below, so only one layer tries a lender out.
  for (let trial = onTrial(lenders, candidates); trial !== undefined; trial = onTrial(lenders, candidates)) await trial
  const from =
    candidates.find((one) => lenders.get(one) === 'lent') ??
    candidates.find((one) => !lenders.has(one)) ??
    candidates.find((one) => evenKept && lenders.get(one) === 'kept')
  if (from === undefined) return { from, answer: undefined }
  const asked = ask(from)
  const noted = asked.then(
    (answer) => note(lenders, from, answer),
    () => note(lenders, from, undefined),
  )
  if (!lenders.has(from)) lenders.set(from, { asked: noted })
  return { from, answer: await asked }
}

function onTrial(lenders: Lenders, candidates: readonly string[]): Promise<unknown> | undefined {
  const words = candidates.map((one) => lenders.get(one))
  return words.find((word) => typeof word === 'object')?.asked
}

/** One that lent stays a good one, since what lies above its layers is asked for as well; a closed one stays closed. */
function note(lenders: Lenders, from: string, answer: Mounted): void {
  const before = lenders.get(from)
  if (answer === undefined || before === 'closed') lenders.set(from, 'closed')
  else if (answer === 'there' || before === 'lent') lenders.set(from, 'lent')
  else lenders.set(from, 'kept')
}
