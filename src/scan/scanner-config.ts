import { LadingError } from '../error.ts'
import { type Digest, tryParseDigest } from '../image/digest.ts'

/** The longest configuration that is read, in bytes; as for manifests. */
export const CONFIG_LIMIT = 8 * 1024 * 1024

/** What the scanner gets in place of an image's configuration. */
export type ScannerConfig = {
  /** JSON */
  readonly text: string
  /** by the digest of a layer: its diff ID as the image's own configuration tells it */
  readonly diffIds: ReadonlyMap<Digest, Digest>
}

type Json = Readonly<Record<string, unknown>>

/** As in Trivy's pkg/fanal/image/image.go, GuessBaseImageIndex: what BuildKit writes, and what the old builder wrote. */
const COMMAND = /^(?:CMD|\/bin\/sh -c #\(nop\) {2}CMD)/

/**
 * A copy of an image configuration (JSON) that leaves Trivy nothing to believe. It differs in two things:
 *
 * - Trivy takes every layer below the last `CMD` that has layers above it for a base image, and does not look for secrets
 *   there; no option turns that off. `FROM development AS production` makes such a history, and whoever pulls the image
 *   gets those layers too. So no text of the history begins with `CMD`; it is still searched itself.
 * - Trivy knows layers by their diff IDs alone (pkg/fanal/artifact/image/image.go, calcCacheKeys and uncompressedLayer),
 *   and does not check them: of two layers with one diff ID it reads the first twice, without any it reads none. Here
 *   each layer has the digest of its blob, whose bytes were checked. What has one name is then one thing, in an image
 *   and across platforms.
 *
 * `layers` are those of the manifest, in its order. Throws `CONTENT_INVALID` for what is no JSON object, or two at once.
 */
export function configForScanner(config: string, layers: readonly Digest[]): ScannerConfig {
  try {
    const json = parse(config)
    const kept = Object.entries(json).filter(([key]) => !isKey(key, 'rootfs'))
    const safe = kept.map(([key, value]) => [key, isKey(key, 'history') ? withoutCommands(value) : value])
    const rootfs = { type: 'layers', diff_ids: layers }
    return { text: JSON.stringify({ ...Object.fromEntries(safe), rootfs }), diffIds: diffIdsOf(json, layers) }
  } catch (cause) {
    if (cause instanceof LadingError) throw cause
    throw invalid('is not JSON', cause)
  }
}

function withoutCommands(history: unknown): unknown {
  return Array.isArray(history) ? history.map(withoutCommand) : history
}

/** All ways to write the key: which of several Go's reader takes, depends on their values too. */
function withoutCommand(entry: unknown): unknown {
  if (!isObject(entry)) return entry
  const safe = Object.entries(entry).map(([key, value]) => [
    key,
    isKey(key, 'created_by') && COMMAND.test(String(value)) ? `# ${String(value)}` : value,
  ])
  return Object.fromEntries(safe)
}

/** What the image says of its layers; nothing where that is no digest. */
function diffIdsOf(json: Json, layers: readonly Digest[]): ReadonlyMap<Digest, Digest> {
  const rootfs = member(json, 'rootfs')
  const own = isObject(rootfs) ? member(rootfs, 'diff_ids') : undefined
  const texts: readonly unknown[] = Array.isArray(own) ? own : []
  const pairs = layers.map((layer, at) => [layer, tryParseDigest(String(texts[at]))] as const)
  return new Map(pairs.flatMap(([layer, diffId]) => (diffId === undefined ? [] : [[layer, diffId]])))
}

/** The last one: that is the one that Go takes. */
function member(json: Json, name: string): unknown {
  return Object.entries(json).findLast(([key]) => isKey(key, name))?.[1]
}

/** Go's reader (encoding/json) folds keys by Unicode: `ſ`, whose capital is S, is an s to it, and the sign of Kelvin a k. */
function isKey(key: string, name: string): boolean {
  return key.toUpperCase().toLowerCase() === name
}

function parse(text: string): Json {
  const json: unknown = JSON.parse(text)
  if (!isObject(json)) throw invalid('is not a JSON object')
  // Go's reader merges what stands under one key twice, ours drops the first: a copy would hide it from the scanner.
  if (countKeys(text) !== countKeys(JSON.stringify(json))) throw invalid('has a key twice')
  return json
}

/** In valid JSON, backslashes are only in strings; without them every quote opens or closes one. */
function countKeys(json: string): number {
  const parts = json.replace(/\\./g, '').split('"')
  return parts.filter((part, at) => at > 0 && at % 2 === 0 && /^\s*:/.test(part)).length
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(why: string, cause?: unknown): LadingError {
  return new LadingError('CONTENT_INVALID', `scanning the image: its configuration ${why}`, { cause })
}
