/** Which Trivy scans: a program that lies on this machine, or a release whose archive is known by its hash. */
export type Trivy =
  /** `path` is absolute */
  | { readonly kind: 'program'; readonly path: string }
  | ({ readonly kind: 'release'; readonly archive: string } & TrivyRelease)

/** `archive` of a release is the absolute path of its file; empty: it is fetched. */
export type TrivyRelease = {
  /** `0.74.0` */
  readonly version: string
  /** of the release archive, where the user named it */
  readonly sha256?: string
}

/** The systems that archives are known for; Trivy's own names of them are in `ASSETS`. */
export type System = 'linux/amd64' | 'linux/arm64' | 'darwin/amd64' | 'darwin/arm64'

/** The release that Lading was tried with, and takes unless it is told otherwise. */
export const DEFAULT_TRIVY = 'v0.74.0'

const ASSETS: Readonly<Record<System, string>> = {
  'linux/amd64': 'Linux-64bit',
  'linux/arm64': 'Linux-ARM64',
  'darwin/amd64': 'macOS-64bit',
  'darwin/arm64': 'macOS-ARM64',
}

/** sha256 of release archives: by version, then by system. */
export type Archives = Readonly<Record<string, Readonly<Partial<Record<System, string>>>>>

/**
 * Each entry is what at least three independent public records say, and none of weight denies; which ones stands in
 * `docs/decisions/0014-the-scanner.md`. Releases before 0.69.2 were taken down after an attack on their repository.
 */
export const ARCHIVES: Archives = {
  '0.75.0': {
    'linux/amd64': 'c6e65abddb348e25f10549df887045629cf28cc72453cd1c63acb717316b3f3f',
    'linux/arm64': 'a1ee9f6ffb7d112b64ff726a2a0717c21175c1114361391f4a132956751a13b3',
    'darwin/amd64': '291edaa9778acbe4693d067b5ad60ee11570e5ac68296e85595417528ca641e4',
    'darwin/arm64': '4a77108cccf8e55c8d6823e1e759939a622277e66cd0daa3c1fc621ed69e4568',
  },
  '0.74.0': {
    'linux/amd64': '2ae6fe3ee734b7fdf11335663e18c75ea12dccc76062f09f164a3b0f8be4371a',
    'linux/arm64': 'b94ce1976bbf3c15b514b605ee88be7c6d94a29be2302847ff01cb794d47aad5',
    'darwin/amd64': '472816f6888dda689d075c30254d4210b4d1035acf365aa72332f584c2f60485',
    'darwin/arm64': '1caada5e0e2091909357c7525d3aa76f4b660b13821bc143b190c7483e31cc11',
  },
  '0.73.0': {
    'linux/amd64': '2edd39da482bb4e9831962487b68f68e3928ec3137794757f54d00383d79547b',
    'linux/arm64': '13833d97e8a1a5367471c372a173180157f593bece570e20d5d925fef552f5dd',
    'darwin/amd64': 'd39d1374dd3e35d48621b82df9b6625fe69f9920cc67d2739ed81bb679f16f51',
    'darwin/arm64': '80cc25faaf6378e37701202d0b4f9f43d9e413d198d594ba60fdf559fe44a683',
  },
  '0.72.0': {
    'linux/amd64': 'bbb64b9695866ce4a7a8f5c9592002c5961cab378577fa3f8a040df362b9b2ea',
    'linux/arm64': '2ca2c023109c2db6b2b77366b6717291452d4531167377d95c79547f0c8e3467',
    'darwin/amd64': 'ee5e60df8a98e5b89fd74a6d86f9e5c7e9a266a35002cb1e43291698b3bfee08',
    'darwin/arm64': '88f208680dc05da2b459e19b4f5aa2b4dc7c2117892ba4aab2ae63baba330016',
  },
  '0.71.2': {
    'linux/amd64': '0510e71e2fd39bf863856d499c8dc19feb4e7336546394c502a8f5cc7ab27460',
    'linux/arm64': 'fe1c7106e15a5365d485b098a8c338f91e3b7ba71cb0e4963b98a3a098763cfc',
    'darwin/amd64': 'c27bcf4ddd281aecb7267eb5df804ec49ac0f8fa23fe018d33932e17f30a38bf',
    'darwin/arm64': 'a9f585cad53542a54ef286b5fa4199d081e5a061f8894635bdf3ce2608ece7a9',
  },
  '0.71.1': {
    'linux/amd64': '3cbae37cd440cd8676e5ce9207fe460b5641c7579a17e9d00f8894928c41a88d',
    'linux/arm64': 'a7daaee66817d67a4963e8f9ddf15f5238ee021b55d3cd8695b1b7801afd34a7',
  },
  '0.71.0': {
    'linux/amd64': '30a3d22b23f88c233f1658f562fb477cae3b3e8b4761109d515b7698daf85814',
    'linux/arm64': '2561be394a3199c911f82fced606cbc05e1cb23eb6ce1da6935540adb76f4252',
    'darwin/amd64': '4558afb13d017615ca85011901caab78b4f09196e320b05a56c9fdc5615a1428',
    'darwin/arm64': '95d4e896b120816edd0995a2df8adca26a8621b7bf62036a89b1d54a7b718a74',
  },
  '0.70.0': {
    'linux/amd64': '8b4376d5d6befe5c24d503f10ff136d9e0c49f9127a4279fd110b727929a5aa9',
    'linux/arm64': '2f6bb988b553a1bbac6bdd1ce890f5e412439564e17522b88a4541b4f364fc8d',
    'darwin/amd64': '52d531452b19e7593da29366007d02a810e1e0080d02f9cf6a1afb46c35aaa93',
    'darwin/arm64': '68e543c51dcc96e1c344053a4fde9660cf602c25565d9f09dc17dd41e13b838a',
  },
  '0.69.3': {
    'linux/amd64': '1816b632dfe529869c740c0913e36bd1629cb7688bd5634f4a858c1d57c88b75',
    'linux/arm64': '7e3924a974e912e57b4a99f65ece7931f8079584dae12eb7845024f97087bdfd',
    'darwin/amd64': 'fec4a9f7569b624dd9d044fca019e5da69e032700edbb1d7318972c448ec2f4e',
    'darwin/arm64': 'a2f2179afd4f8bb265ca3c7aefb56a666bc4a9a411663bc0f22c3549fbc643a5',
  },
  '0.69.2': {
    'linux/amd64': 'affa59a1e37d86e4b8ab2cd02f0ab2e63d22f1bf9cf6a7aa326c884e25e26ce3',
    'linux/arm64': 'c73b97699c317b0d25532b3f188564b4e29d13d5472ce6f8eb078082546a6481',
    'darwin/amd64': '41f6eac3ebe3a00448a16f08038b55ce769fe2d5128cb0d64bdf282cdad4831a',
    'darwin/arm64': '320c0e6af90b5733b9326da0834240e944c6f44091e50019abdf584237ff4d0c',
  },
}

// Releases of 19 March 2026 and after that steal credentials (GHSA-69fq-xp46-6x23, CVE-2026-33634).
const KNOWN_BAD = /^v?0\.69\.[456](?!\d)/

/** Whether a version is a release that was made with stolen keys. */
export function isKnownBad(version: string): boolean {
  return KNOWN_BAD.test(version)
}

/** The words for it, wherever such a version turns up. */
export function knownBadWords(version: string): string {
  return `Trivy ${version.replace(/^v/, '')} is a release with stolen keys that steals credentials (GHSA-69fq-xp46-6x23)`
}

/** `v0.74.0` or `v0.74.0@sha256:…`, its `v` may be left out; `undefined` for what is neither. `latest` is neither. */
export function parseTrivyVersion(text: string): TrivyRelease | undefined {
  const [, version, sha256] = /^v?(\d+\.\d+\.\d+)(?:@sha256:([0-9a-f]{64}))?$/.exec(text) ?? []
  if (version === undefined) return undefined
  return sha256 === undefined ? { version } : { version, sha256 }
}

/** Why a release must not be taken, whatever the system; `undefined` when nothing speaks against it. */
export function objection({ version, sha256 }: TrivyRelease, archives: Archives = ARCHIVES): string | undefined {
  if (isKnownBad(version)) return knownBadWords(version)
  const known = Object.hasOwn(archives, version) ? archives[version] : undefined
  if (known === undefined) {
    return sha256 === undefined
      ? `the archives of Trivy ${version} are not known here; its hash has to be named, as v${version}@sha256:…`
      : undefined
  }
  // A release that has another content than it had is not that release; for a system without an entry the user decides.
  const isComplete = Object.keys(known).length === Object.keys(ASSETS).length
  return sha256 === undefined || !isComplete || Object.values(known).includes(sha256)
    ? undefined
    : `no archive of Trivy ${version} has the sha256 ${sha256}`
}

/** The hash that an archive must have here; `undefined` when nobody knows it. */
export function archiveHash(
  { version, sha256 }: TrivyRelease,
  system: string,
  archives: Archives = ARCHIVES,
): string | undefined {
  const known = Object.hasOwn(archives, version) ? archives[version] : undefined
  return sha256 ?? (isSystem(system) ? known?.[system] : undefined)
}

/** What an archive with this hash is known to be: `Trivy 0.73.0 for linux/arm64`. */
export function describeArchive(sha256: string, archives: Archives = ARCHIVES): string | undefined {
  for (const [version, known] of Object.entries(archives)) {
    const system = Object.entries(known).find(([, hash]) => hash === sha256)?.[0]
    if (system !== undefined) return `Trivy ${version} for ${system}`
  }
  return undefined
}

/** The name of a release's archive, `trivy_0.74.0_Linux-64bit.tar.gz`; `undefined` for a system without one that is read. */
export function archiveName(version: string, system: string): string | undefined {
  return isSystem(system) ? `trivy_${version}_${ASSETS[system]}.tar.gz` : undefined
}

function isSystem(text: string): text is System {
  return Object.hasOwn(ASSETS, text)
}
