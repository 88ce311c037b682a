import type { Handle } from './call.ts'
import { type Surroundings, withEffect } from './effect.ts'
import { type ArmedFault, type Fault, isDue, matches } from './fault.ts'

export type FaultBox = {
  readonly add: (fault: Fault) => void
  readonly clear: () => void
  /** Wraps a handling with the faults that belong in front of the credentials check, or behind it. */
  readonly around: (where: 'before auth' | 'after auth', next: Handle) => Handle
}

export function faultBox(faults: readonly Fault[], surroundings: Surroundings): FaultBox {
  const armed: ArmedFault[] = []
  const add = (fault: Fault) => void armed.push({ fault, seen: 0, underWay: 0 })
  faults.forEach(add)

  return {
    add,
    clear: () => void armed.splice(0),
    around: (where, next) => async (call) => {
      const request = { method: call.method, route: call.route, hasBody: hasBody(call.headers) }
      const met = armed.filter(({ fault }) => isPlaced(fault, where) && matches(fault, request))
      for (const each of met) count(each, 1)
      const due = met.filter(({ fault, seen, underWay }) => isDue(fault.when, seen, underWay))
      try {
        // Several faults may meet in one request; the one that was named first is outermost.
        return await due.reduceRight((inner, { fault }) => withEffect(fault.effect, surroundings, inner), next)(call)
      } finally {
        for (const each of met) each.underWay -= 1
      }
    },
  }
}

function isPlaced(fault: Fault, where: 'before auth' | 'after auth'): boolean {
  return (fault.beforeAuth ?? false) === (where === 'before auth')
}

function count(each: ArmedFault, step: number): void {
  each.seen += step
  each.underWay += step
}

function hasBody(headers: {
  'content-length'?: string | undefined
  'transfer-encoding'?: string | undefined
}): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
