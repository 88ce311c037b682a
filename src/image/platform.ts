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

// Other words for architectures, and variants that go without saying: containerd's `platforms.Normalize`.
const SAME: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  'amd64/v1': 'amd64',
  aarch64: 'arm64',
  'aarch64/v8': 'arm64',
  'arm64/v8': 'arm64',
  arm: 'arm/v7',
  armhf: 'arm/v7',
  armel: 'arm/v6',
  i386: '386',
}

/** What a user types, as builders name it: `linux/arm64/v8` is `linux/arm64`, and `linux/arm` is `linux/arm/v7`. */
export function normalPlatform(platform: string): string {
  const [os = '', ...rest] = platform.toLowerCase().split('/')
  const architecture = rest.join('/')
  return rest.length === 0 ? os : `${os}/${SAME[architecture] ?? architecture}`
}
