import type { Limit } from './limit.ts'
import type { Send } from './send.ts'
import { isReset } from './trouble.ts'

/**
 * Fewer requests at a time after a connection was reset: some registries (ECR) answer so to more uploads than they like.
 * A request that set out before the last narrowing tells nothing about the new width, so one incident counts once.
 */
export function narrowing(limits: readonly Limit[], onNarrow: (widths: readonly number[]) => void) {
  let incidents = 0
  return (send: Send): Send =>
    async (request) => {
      const before = incidents
      try {
        return await send(request)
      } catch (error) {
        if (isReset(error) && incidents === before) {
          incidents += 1
          onNarrow(limits.map((limit) => limit.narrow()))
        }
        throw error
      }
    }
}
