/** What the registry itself must understand of a manifest; everything else is bytes. */
export type ParsedManifest = {
  readonly mediaType: string | undefined
  readonly artifactType: string | undefined
  readonly annotations: object | undefined
  readonly config: Reference | undefined
  readonly subject: Reference | undefined
  readonly blobs: readonly Reference[]
  readonly children: readonly Reference[]
}

type Reference = { readonly digest: string; readonly mediaType: string | undefined }

/** `undefined` when the bytes are not a JSON object with descriptors where the spec wants them. */
export function parseManifest(bytes: Uint8Array): ParsedManifest | undefined {
  const value = parseJson(bytes)
  if (!isRecord(value)) return undefined
  const config = parseReference(value['config'])
  const layers = parseReferences(value['layers'] ?? value['blobs'])
  return {
    mediaType: text(value['mediaType']),
    artifactType: text(value['artifactType']),
    annotations: isRecord(value['annotations']) ? value['annotations'] : undefined,
    config,
    subject: parseReference(value['subject']),
    blobs: config ? [config, ...layers] : layers,
    children: parseReferences(value['manifests']),
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

function parseReferences(value: unknown): Reference[] {
  if (!Array.isArray(value)) return []
  // A foreign layer may live elsewhere: `distribution` does not look for it.
  const own = value.filter((entry) => !(isRecord(entry) && Array.isArray(entry['urls']) && entry['urls'].length > 0))
  return own.map(parseReference).filter((entry) => entry !== undefined)
}

function parseReference(value: unknown): Reference | undefined {
  if (!isRecord(value)) return undefined
  const digest = text(value['digest'])
  return digest === undefined ? undefined : { digest, mediaType: text(value['mediaType']) }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
