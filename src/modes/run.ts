import type { Bases } from '../build/dockerfile.ts'
import type { Edges } from '../edges.ts'
import { asLadingError, type LadingError } from '../error.ts'
import type { Environment } from '../plan/environment.ts'
import { modeOf } from '../plan/publish-plan.ts'
import type { Gate, PublishRequest } from '../plan/request.ts'
import type { Facts } from '../report/draft.ts'
import { formatDuration } from '../report/quantity.ts'
import type { Phase } from '../report/report.ts'

/** A story that is told phase by phase. */
export type Phases = {
  /** aborted when the story has ended, or cannot end well any more, so that nothing goes on behind its back */
  readonly over: AbortController
  /** what goes on beside the story, for later runs and for others to read; the step ends after it, and it has an end of its own */
  readonly later: Promise<unknown>[]
  /**
   * Does a part of the story and notes how long it took, whether it went well or not. What it `say`s about its result
   * stands in one line of the log. Nothing is begun after a cancel.
   */
  phase<T>(name: string, work: (say: Say) => Promise<T>): Promise<T>
}

/** What is needed of a run to get hold of the tools of a scan. */
export type ToolsRun = Phases & {
  readonly request: { readonly gate: Gate }
  readonly environment: Environment
  readonly edges: Edges
}

/** One publish on its way: what was asked, what is there to ask, and what is known so far. */
export type Run = Phases & {
  readonly request: PublishRequest
  readonly environment: Environment
  readonly edges: Edges
  readonly facts: Facts
  /** what the build will take from registries, once its Dockerfile was read */
  bases: Bases
  /** repositories that were given up, by name, when the others are to be completed all the same */
  readonly lost: Map<string, LadingError>
}

/** Takes the words for a phase's line; the last ones count. */
export type Say = (words: string) => void

/** Begins a run that knows nothing yet. */
export function beginRun(start: Pick<Run, 'request' | 'environment' | 'edges'>): Run {
  const facts: Facts = { mode: modeOf(start.request), phases: [] }
  return {
    ...start,
    ...beginPhases(facts.phases, start.edges),
    facts,
    bases: { known: false, why: 'no Dockerfile was read' },
    lost: new Map(),
  }
}

/** Phases that are noted in `taken` as they end. */
export function beginPhases(taken: Phase[], { clock, reporter }: Pick<Edges, 'clock' | 'reporter'>): Phases {
  return {
    over: new AbortController(),
    later: [],
    async phase(name, work) {
      clock.signal.throwIfAborted()
      const begin = clock.now().getTime()
      let words = ''
      try {
        return await work((said) => {
          words = said
        })
      } catch (error) {
        words = 'failed'
        throw error
      } finally {
        const milliseconds = clock.now().getTime() - begin
        taken.push({ name, milliseconds })
        reporter.info(line(name, words, formatDuration(milliseconds)))
      }
    },
  }
}

/** Writes a failure into the facts. A refusal of the gate has said already that it is one. */
export function fail({ facts }: Run, thrown: unknown): void {
  const { code, message, hint } = asLadingError(thrown)
  facts.result ??= 'failed'
  facts.failure = { code, message, hint }
  if (facts.result === 'refused') {
    facts.references = (facts.references ?? []).map((one) => ({ ...one, reason: 'the gate refused this image' }))
  }
}

/** `Upload   2 registries   2.3 s` */
function line(name: string, words: string, time: string): string {
  return `${`${name.charAt(0).toUpperCase()}${name.slice(1)}`.padEnd(8)} ${words}   ${time}`
}
