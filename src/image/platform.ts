/** A platform as in the OCI image index spec. */
export type Platform = {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly osVersion?: string
}

/** `linux/arm64/v8`: what users type and read. The version is left out, as Docker does. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join('/')
}

/** Attestations hang in an index as `unknown/unknown`; they run nowhere. */
export function isUnknown(platform: Platform): boolean {
  return platform.os === 'unknown' && platform.architecture === 'unknown'
}
