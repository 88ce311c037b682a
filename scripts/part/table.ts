/** What the real parts are, in which version, and where each of them comes from. */

export const PART_NAMES = [
  'trivy',
  'registry3',
  'act',
  'actionlint',
  'trivy-db',
  'engine',
  'engine-graph',
  'buildx',
  'crane',
  'oras',
  'cosign',
  'registry2',
  'builder-image',
  'tinyproxy',
  'credential-pass',
  'regsync',
] as const

/** Only benchmarks run beside these: they are installed when they are asked for by name. */
export const PEER_NAMES = ['regctl', 'skopeo', 'imagetools'] as const

export type PartName = (typeof PART_NAMES)[number] | (typeof PEER_NAMES)[number]

/** A program that Go builds from a module, kept as one file. */
export type GoProgram = {
  readonly module: string
  readonly version: string
  readonly folder: string
  readonly linked?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** A file of the Debian root that all engines share. */
type FromDebian = { readonly from: 'debian'; readonly file: string; readonly otherwise?: GoProgram }
type FromGo = { readonly from: 'go'; readonly program: GoProgram }
type MadeHere = { readonly from: 'here' }
/** A package of the machine's own Debian, which only root may install. */
type FromPackage = { readonly from: 'package'; readonly package: string }
/** A file of packages of the machine's own Debian that lie unpacked beside it, and are not installed. */
export type FromUnpacked = { readonly from: 'unpacked'; readonly packages: readonly string[]; readonly file: string }

/** How a copy that the machine already has is recognized: its name on PATH, and which versions will do. */
type OnPath = {
  readonly command: string
  readonly ask: readonly string[]
  readonly accepts: string
}

export type Part = {
  readonly name: PartName
  readonly recipe: FromDebian | FromGo | FromPackage | FromUnpacked | MadeHere
  readonly onPath?: OnPath
  /** Programs that it starts itself: beside it, or on PATH. */
  readonly company?: readonly string[]
  /** How a sentence names it. */
  readonly called: string
}

/** Raised whenever what goes into the Debian root changes, so that an older one is not taken for it. */
export const DEBIAN_ROOT_EDITION = 1
export const DEBIAN_SUITE = 'sid'
export const DEBIAN_PACKAGES = [
  'docker.io',
  'docker-cli',
  'docker-buildx',
  'docker-registry',
  'crane',
  'oras',
  'cosign',
  'git',
  'iproute2',
  'ca-certificates',
] as const

/** The suite moves, so what it gave is compared with what the tests were written for. */
export const DEBIAN_EXPECTED = [
  { package: 'docker.io', accepts: '>=28.5' },
  { package: 'docker-buildx', accepts: '>=0.29' },
  { package: 'docker-registry', accepts: '2.8.x' },
  { package: 'oras', accepts: '>=1.3' },
  { package: 'cosign', accepts: '>=3.1' },
] as const

export const BUILDKIT: GoProgram = {
  module: 'github.com/moby/buildkit',
  version: 'v0.32.2',
  folder: './cmd/buildkitd',
  linked: 'github.com/moby/buildkit/version.Version=v0.32.2',
}

export const BUILDKIT_CLIENT: GoProgram = { ...BUILDKIT, folder: './cmd/buildctl' }

const TRIVY: GoProgram = {
  module: 'github.com/aquasecurity/trivy',
  version: 'v0.74.0',
  folder: './cmd/trivy',
  linked: 'github.com/aquasecurity/trivy/pkg/version/app.ver=0.74.0',
  environment: { GOEXPERIMENT: 'jsonv2' },
}

const REGISTRY_3: GoProgram = {
  module: 'github.com/distribution/distribution/v3',
  version: 'v3.1.1',
  folder: './cmd/registry',
  linked: 'github.com/distribution/distribution/v3/version.version=v3.1.1',
}

const ACT: GoProgram = {
  module: 'github.com/nektos/act',
  version: 'v0.2.87',
  folder: '.',
  linked: 'main.version=0.2.87',
}

const ACTIONLINT: GoProgram = {
  module: 'github.com/rhysd/actionlint',
  version: 'v1.7.12',
  folder: './cmd/actionlint',
  linked: 'github.com/rhysd/actionlint.version=1.7.12',
}

const CRANE: GoProgram = {
  module: 'github.com/google/go-containerregistry',
  version: 'v0.21.9',
  folder: './cmd/crane',
  linked: 'github.com/google/go-containerregistry/cmd/crane/cmd.Version=0.21.9',
}

const REGCTL: GoProgram = {
  module: 'github.com/regclient/regclient',
  version: 'v0.11.5',
  folder: './cmd/regctl',
  linked: 'github.com/regclient/regclient/internal/version.vcsTag=v0.11.5',
}

/** The mirror is held to what it does with the same file. */
const REGSYNC: GoProgram = { ...REGCTL, folder: './cmd/regsync' }

/** The one of the Debian root cannot read a layout in `imagetools create`. */
const BUILDX_NEW: GoProgram = {
  module: 'github.com/docker/buildx',
  version: 'v0.36.1',
  folder: './cmd/buildx',
  linked: 'github.com/docker/buildx/version.Version=v0.36.1',
}

const PARTS: readonly Part[] = [
  {
    name: 'trivy',
    recipe: { from: 'go', program: TRIVY },
    onPath: { command: 'trivy', ask: ['--version'], accepts: '0.74.x' },
    called: 'Trivy 0.74',
  },
  {
    name: 'registry3',
    recipe: { from: 'go', program: REGISTRY_3 },
    onPath: { command: 'registry', ask: ['--version'], accepts: '3.x' },
    called: 'Distribution registry 3.1',
  },
  {
    name: 'act',
    recipe: { from: 'go', program: ACT },
    onPath: { command: 'act', ask: ['--version'], accepts: '>=0.2.80' },
    called: 'act 0.2.87',
  },
  {
    name: 'actionlint',
    recipe: { from: 'go', program: ACTIONLINT },
    onPath: { command: 'actionlint', ask: ['--version'], accepts: '>=1.7.12' },
    called: 'actionlint 1.7.12',
  },
  { name: 'trivy-db', recipe: { from: 'here' }, called: 'small vulnerability database' },
  {
    name: 'engine',
    recipe: { from: 'debian', file: 'usr/sbin/dockerd' },
    called: 'Docker engine 28 or newer with the containerd image store',
  },
  {
    name: 'engine-graph',
    recipe: { from: 'debian', file: 'usr/sbin/dockerd' },
    called: 'Docker engine without the containerd image store',
  },
  {
    name: 'buildx',
    recipe: { from: 'debian', file: 'usr/libexec/docker/cli-plugins/docker-buildx' },
    called: 'Docker Buildx 0.29 or newer',
  },
  {
    name: 'crane',
    recipe: { from: 'debian', file: 'usr/bin/crane', otherwise: CRANE },
    onPath: { command: 'crane', ask: ['version'], accepts: '>=0.20' },
    called: 'crane 0.20 or newer',
  },
  {
    name: 'oras',
    recipe: { from: 'debian', file: 'usr/bin/oras' },
    onPath: { command: 'oras', ask: ['version'], accepts: '>=1.3' },
    called: 'oras 1.3 or newer',
  },
  {
    name: 'cosign',
    recipe: { from: 'debian', file: 'usr/bin/cosign' },
    onPath: { command: 'cosign', ask: ['version'], accepts: '>=3.1' },
    called: 'cosign 3.1 or newer',
  },
  {
    name: 'registry2',
    recipe: { from: 'debian', file: 'usr/bin/docker-registry' },
    onPath: { command: 'docker-registry', ask: ['--version'], accepts: '2.8.x' },
    called: 'Distribution registry 2.8',
  },
  { name: 'builder-image', recipe: { from: 'here' }, called: 'image with BuildKit 0.32' },
  {
    name: 'tinyproxy',
    recipe: { from: 'unpacked', packages: ['tinyproxy-bin'], file: 'usr/bin/tinyproxy' },
    onPath: { command: 'tinyproxy', ask: ['-v'], accepts: '>=1.10' },
    called: 'tinyproxy 1.10 or newer',
  },
  {
    name: 'credential-pass',
    // Installed for good, it would become the store that Docker puts logins into by itself.
    recipe: {
      from: 'unpacked',
      packages: ['golang-docker-credential-helpers', 'pass', 'tree'],
      file: 'usr/bin/docker-credential-pass',
    },
    onPath: { command: 'docker-credential-pass', ask: ['version'], accepts: '>=0.6' },
    company: ['pass', 'gpg', 'gpgconf'],
    called: 'docker-credential-pass 0.6 or newer with pass and gpg',
  },
  {
    name: 'regsync',
    recipe: { from: 'go', program: REGSYNC },
    onPath: { command: 'regsync', ask: ['version'], accepts: '>=0.11' },
    called: 'regsync 0.11 or newer',
  },
  {
    name: 'regctl',
    recipe: { from: 'go', program: REGCTL },
    onPath: { command: 'regctl', ask: ['version'], accepts: '>=0.11' },
    called: 'regctl 0.11 or newer',
  },
  {
    name: 'skopeo',
    recipe: { from: 'package', package: 'skopeo' },
    onPath: { command: 'skopeo', ask: ['--version'], accepts: '>=1.9' },
    called: 'skopeo 1.9 or newer',
  },
  {
    name: 'imagetools',
    recipe: { from: 'go', program: BUILDX_NEW },
    onPath: { command: 'docker-buildx', ask: ['version'], accepts: '>=0.36' },
    called: 'Docker Buildx 0.36',
  },
]

export function part(name: PartName): Part {
  const found = PARTS.find((candidate) => candidate.name === name)
  if (found === undefined) {
    throw new Error(`The table of parts has no row for ${name}.`)
  }
  return found
}

export function isPartName(text: string): text is PartName {
  return [...PART_NAMES, ...PEER_NAMES].some((name) => name === text)
}

/** The environment variable that names a copy to use whatever else is there. */
export function variableOf(name: PartName): string {
  return `LADING_${name.toUpperCase().replaceAll('-', '_')}`
}
