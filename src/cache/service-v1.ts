import { type KeptFile, partsOf, sendParts } from './parts.ts'
import type { Place } from './place.ts'
import { addressOf, ask, ENTRY_VERSION, type Errand, type Question, refusal, type Service } from './service.ts'

const ROOT = '_apis/artifactcache'
const ACCEPT = { accept: 'application/json;api-version=6.0-preview.1' }

/**
 * The first version, of GitHub Enterprise Server, act and Gitea. Paths, fields and headers as in actions/toolkit
 * (`packages/cache/src/internal/cacheHttpClient.ts`) and act (`pkg/artifactcache/handler.go`).
 */
export function serviceV1(place: Place): Service {
  const call = (question: Question, errand: Errand) =>
    ask(place, { ...question, path: `${ROOT}/${question.path}`, headers: { ...ACCEPT, ...question.headers } }, errand)

  async function reserve(key: string, size: number, errand: Errand): Promise<number> {
    const json = { key, version: ENTRY_VERSION, cacheSize: size }
    const answer = await call({ method: 'POST', path: 'caches', json }, errand)
    const id = answer.json['cacheId']
    if (!isGood(answer) || typeof id !== 'number' || !Number.isSafeInteger(id)) throw refusal('reserving it', answer)
    return id
  }

  function sendAll(path: string, file: KeptFile, errand: Errand): Promise<void> {
    return sendParts(partsOf(file), errand.signal, async ({ start, end, body }, signal) => {
      const headers = { 'content-type': 'application/octet-stream', 'content-range': `bytes ${start}-${end}/*` }
      const answer = await call({ method: 'PATCH', path, headers, body }, { ...errand, signal })
      if (!isGood(answer)) throw refusal('sending it', answer)
    })
  }

  return {
    async find(prefixes, errand) {
      const query = `keys=${encodeURIComponent(prefixes.join(','))}&version=${ENTRY_VERSION}`
      const answer = await call({ method: 'GET', path: `cache?${query}` }, errand)
      if (answer.status === 204) return undefined
      const { cacheKey, archiveLocation } = answer.json
      if (answer.status !== 200 || typeof cacheKey !== 'string') throw refusal('looking for it', answer)
      return { key: cacheKey, url: addressOf(archiveLocation, place, errand.mask) }
    },
    async keep(key, file, errand) {
      const path = `caches/${await reserve(key, file.size, errand)}`
      await sendAll(path, file, errand)
      const answer = await call({ method: 'POST', path, json: { size: file.size } }, errand)
      if (!isGood(answer)) throw refusal('finishing it', answer)
    },
  }
}

function isGood({ status }: { readonly status: number }): boolean {
  return status >= 200 && status < 300
}
