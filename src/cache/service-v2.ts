import { putBlob } from './blob.ts'
import type { Place } from './place.ts'
import { type Answer, addressOf, ask, ENTRY_VERSION, type Errand, refusal, type Service } from './service.ts'

const ROOT = 'twirp/github.actions.results.api.v1.CacheService'

/**
 * The second version, of GitHub: it says where a blob store takes and gives an entry. Methods and fields as in
 * actions/toolkit (`packages/cache/src/generated/results/api/v1/cache.ts`), by their names in the protocol.
 */
export function serviceV2(place: Place): Service {
  const call = (method: string, json: object, errand: Errand) =>
    ask(place, { method: 'POST', path: `${ROOT}/${method}`, json: { ...json, version: ENTRY_VERSION } }, errand)

  return {
    async find(prefixes, errand) {
      // Only `restore_keys` are prefixes, and a key that stands in `key` alone is not found at all by the real service:
      // so BuildKit's client sends it twice (tonistiigi/go-actions-cache, `loadV2`).
      const [key] = prefixes
      const answer = await call('GetCacheEntryDownloadURL', { key, restore_keys: prefixes }, errand)
      if (answer.status === 404 || (answer.status === 200 && !isOk(answer))) return undefined
      const matched = field(answer, 'matched_key', 'matchedKey')
      if (!isOk(answer) || typeof matched !== 'string') throw refusal('looking for it', answer)
      const url = addressOf(field(answer, 'signed_download_url', 'signedDownloadUrl'), place, errand.mask)
      return { key: matched, url }
    },
    async keep(key, file, errand) {
      const created = await call('CreateCacheEntry', { key }, errand)
      if (!isOk(created)) throw refusal('reserving it', created)
      const url = addressOf(field(created, 'signed_upload_url', 'signedUploadUrl'), place, errand.mask)
      await putBlob(url, file, place, errand)
      // 64-bit numbers are text in JSON (proto3, JSON mapping).
      const finished = await call('FinalizeCacheEntryUpload', { key, size_bytes: String(file.size) }, errand)
      if (!isOk(finished)) throw refusal('finishing it', finished)
    },
  }
}

function isOk({ status, json }: Answer): boolean {
  return status === 200 && json['ok'] === true
}

/** A field by its name in the protocol, or as the JSON mapping of proto3 would have it: both may be sent. */
function field({ json }: Answer, name: string, mapped: string): unknown {
  return json[name] ?? json[mapped]
}
