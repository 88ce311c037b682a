import type { Edges } from '../../src/edges.ts'
import type { Client } from '../support/client.ts'

/** The world of a mirror without a gate: registries, and somebody who listens. */
export function mirrorEdges(client: Client, notices: string[]): Edges {
  const nothing = () => undefined
  const nowhere = (): never => {
    throw new Error('this is not asked of the world')
  }
  return {
    reporter: {
      debug: nothing,
      info: nothing,
      warn: nothing,
      notice: (message) => void notices.push(message),
      group: (_title, body) => body(),
    },
    clock: { now: () => new Date(), sleep: async () => undefined, signal: new AbortController().signal },
    project: {
      history: { compare: nowhere, head: nowhere, committed: nowhere, facts: nowhere },
      codeScanning: { mayUpload: nowhere, upload: nowhere },
    },
    exec: nowhere,
    scratch: { directory: '/nowhere', undoLater: nothing, keep: nowhere },
    stores: {
      remote: ({ registry, path }, use) => client.remote(`${registry}/${path}`, use),
      layout: nowhere,
      download: nowhere,
      cache: { restore: nowhere, save: nowhere },
    },
    docker: nowhere,
  }
}
