import type { Handle } from './call.ts'
import type { Rules } from './rules.ts'

/** Names the API in the answers, as registries have done since there were two of them. */
export function withApiVersion(where: Rules['apiVersion'], next: Handle): Handle {
  return async (call) => {
    const reply = await next(call)
    if (reply === 'reset' || (where === 'root' && call.route.step !== 'ping')) return reply
    return { ...reply, headers: { 'docker-distribution-api-version': 'registry/2.0', ...reply.headers } }
  }
}
