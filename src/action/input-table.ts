/** One input of the action as users see it: `action.yml`, the reader of inputs and the README are held to this table. */
export type InputRow = {
  readonly name: string
  readonly default: string
  readonly required: boolean
  /** its value is masked before anything else is printed */
  readonly secret: boolean
  /** where documentation shows it: the first dozen, or one of the subjects */
  readonly tier: 'first' | 'names' | 'login' | 'build' | 'scan' | 'mirror' | 'push'
  readonly description: string
}

type Said = Pick<InputRow, 'tier' | 'description'> & Partial<Pick<InputRow, 'default' | 'required' | 'secret'>>

const ROWS = {
  images: {
    tier: 'first',
    required: true,
    description: 'Repositories to publish to, one a line or comma-separated, such as ghcr.io/acme/app',
  },
  tags: {
    tier: 'first',
    default: 'version\nversion-commit\nlatest',
    description:
      'Tags to write: version, version-commit, commit, major-minor, major, latest, other words, or rules of docker/metadata-action',
  },
  flavor: {
    tier: 'names',
    default: 'latest=auto',
    description:
      'What all tags have in common, as in docker/metadata-action: latest=auto|true|false, prefix=, suffix=, onlatest=',
  },
  'tag-context': {
    tier: 'names',
    default: 'workflow',
    description: 'Where ref and commit come from: workflow (the event) or git (what is checked out)',
  },
  version: {
    tier: 'names',
    description: 'The version, when it does not come from the git tag',
  },
  'existing-tag': {
    tier: 'names',
    default: 'auto',
    description:
      'When a fixed tag exists: fail, reuse its image, keep it, overwrite it; auto: reuse for the same commit, keep on schedules',
  },
  'moving-tags': {
    tier: 'names',
    default: 'forward',
    description: 'forward: latest, 1.2 and branch tags never go backwards; force moves them anyway',
  },
  labels: {
    tier: 'names',
    description: 'Labels of the image, key=value a line, over the standard OCI ones',
  },
  'labels-compat': {
    tier: 'names',
    default: 'false',
    description: 'Also write the labels version, build.date and vcs.ref, as older tools expect them',
  },
  annotations: {
    tier: 'names',
    description:
      'Annotations over the standard OCI ones, [manifest:|index:]key=value a line; at manifests and index when it has no level',
  },
  registry: {
    tier: 'login',
    description: 'Registry that username and password are for; the registry of the images when empty',
  },
  username: {
    tier: 'first',
    description: 'User name at the registry; on ghcr.io the actor when empty',
  },
  password: {
    tier: 'first',
    secret: true,
    description: 'Password or token at the registry; on ghcr.io the token of the job when empty',
  },
  'registry-auth': {
    tier: 'first',
    secret: true,
    description:
      'Logins to several registries: a YAML list of registry, username, password (or role-to-assume) and use (pull, push, both)',
  },
  ecr: {
    tier: 'login',
    default: 'auto',
    description:
      'Logins to Amazon ECR from AWS keys, role-to-assume or the container: auto, true (before the logins of docker), false',
  },
  'create-repository': {
    tier: 'login',
    default: 'false',
    description: 'Create a repository of Amazon ECR that is missing, before the first upload',
  },
  context: {
    tier: 'first',
    default: '.',
    description: 'Build context: a folder of the workspace, a git or http URL, or {{defaultContext}}',
  },
  file: {
    tier: 'first',
    description: 'The Dockerfile, relative to the workspace; the one of the context when empty',
  },
  target: {
    tier: 'build',
    description: 'Stage of the Dockerfile to build',
  },
  platforms: {
    tier: 'first',
    description: 'Platforms to build for, such as linux/amd64,linux/arm64; the one of the builder when empty',
  },
  'build-args': {
    tier: 'first',
    description: 'Build arguments, KEY=value a line; {{…}} expressions as in labels',
  },
  secrets: {
    tier: 'first',
    secret: true,
    description: 'Secrets of the build, id=value a line; a quoted value may have several lines',
  },
  builder: {
    tier: 'build',
    description: 'A buildx builder to use; when empty the current one, or one that is made and removed again',
  },
  'buildkit-image': {
    tier: 'build',
    default: 'moby/buildkit:v0.31.2@sha256:2f5adac4ecd194d9f8c10b7b5d7bceb5186853db1b26e5abd3a657af0b7e26ec',
    description: 'BuildKit image of a builder that is made for this step',
  },
  provenance: {
    tier: 'build',
    description:
      'Provenance attestation: true, false or mode=min|max with attributes; the default of BuildKit when empty',
  },
  layout: {
    tier: 'build',
    description: 'A finished OCI layout, folder or tar, that is published instead of a build',
  },
  scan: {
    tier: 'first',
    default: 'gate',
    description: 'gate: findings stop the publish; report: findings are reported; off: no scan',
  },
  severity: {
    tier: 'first',
    default: 'HIGH,CRITICAL',
    description: 'Severities that count: UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL',
  },
  'ignore-unfixed': {
    tier: 'scan',
    default: 'false',
    description: 'Let vulnerabilities pass that nobody has fixed yet; they are still listed',
  },
  scanners: {
    tier: 'scan',
    default: 'vuln,secret',
    description:
      'What is looked for: vuln, secret, misconfig, license; the last two are reported and stop nothing unless =gate is added',
  },
  'pkg-types': {
    tier: 'scan',
    description: 'Kinds of packages to look at, os and library; both when empty',
  },
  'skip-dirs': {
    tier: 'scan',
    description: 'Folders of the image that are not looked at, as globs of Trivy',
  },
  'skip-files': {
    tier: 'scan',
    description: 'Files of the image that are not looked at, as globs of Trivy',
  },
  trivyignores: {
    tier: 'scan',
    description: 'Files of accepted findings, .trivyignore or .yaml; what has expired is shown and counts again',
  },
  'trivy-config': {
    tier: 'scan',
    description: 'A trivy.yaml with settings that no input has, such as vulnerability.ignore-status or secret.config',
  },
  vex: {
    tier: 'scan',
    description: 'Files of VEX documents: what they call not affected is listed and does not count',
  },
  'trivy-version': {
    tier: 'scan',
    default: 'v0.74.0',
    description: 'The release of Trivy that scans; one whose hash is not known here as vX.Y.Z@sha256:… of its archive',
  },
  'trivy-path': {
    tier: 'scan',
    description: 'A Trivy program of your own; it is run as it is, and its hash is reported',
  },
  'trivy-archive': {
    tier: 'scan',
    description:
      'The release archive of trivy-version as a file, for runners without a way to GitHub; hash and .sigstore.json are checked',
  },
  'db-repository': {
    tier: 'scan',
    description: 'Repositories of the vulnerability database in the order to try; the list of Trivy when empty',
  },
  'java-db-repository': {
    tier: 'scan',
    description: 'Repositories of the database that knows jars, in the order to try; the list of Trivy when empty',
  },
  'db-max-age': {
    tier: 'scan',
    default: '48h',
    description:
      'A database that is older than this is not used: the gate stays closed. From 24h on there is a warning',
  },
  'scan-timeout': {
    tier: 'scan',
    default: '10m',
    description: 'The longest that the scan of one platform may take',
  },
  'scan-cache': {
    tier: 'scan',
    default: 'true',
    description: 'Keep the database and the scanner in the Actions cache',
  },
  'scan-baseline': {
    tier: 'scan',
    description:
      'A tag such as latest: what its live image has too is listed and does not count, only what is new does',
  },
  'sbom-format': {
    tier: 'scan',
    description: 'cyclonedx or spdx-json: write what is in each platform to a file in report-dir',
  },
  'upload-sarif': {
    tier: 'scan',
    default: 'false',
    description: 'Send the findings to code scanning; needs the permission security-events: write',
  },
  push: {
    tier: 'first',
    default: 'auto',
    description: 'auto: push, but not from pull requests, merge queues, forks and Dependabot; true; false',
  },
  'dry-run': {
    tier: 'push',
    default: 'false',
    description: 'Do everything but writes, and show the plan',
  },
  retries: {
    tier: 'push',
    default: '5',
    description: 'How often a request to a registry is repeated when that can help',
  },
  parallel: {
    tier: 'push',
    default: '4',
    description: 'Transfers at a time for each registry; what is small runs wider, unless it is 1',
  },
  'registry-config': {
    tier: 'push',
    description:
      'How registries are reached: a YAML list of registry and insecure, parallel, ca, client-cert, client-key (path or PEM text)',
  },
  'rate-limit': {
    tier: 'push',
    default: 'fail',
    description: 'Pull limit of Docker Hub before the build: fail when it is used up, strict, warn or off',
  },
  'rate-limit-reserve': {
    tier: 'push',
    default: '0',
    description: 'Pulls from Docker Hub to leave for others',
  },
  'on-registry-failure': {
    tier: 'push',
    default: 'abort',
    description:
      'When one of several registries fails: abort tags nothing anywhere, continue completes the others; red either way',
  },
  summary: {
    tier: 'push',
    default: 'true',
    description: 'Write the job summary',
  },
  'report-dir': {
    tier: 'push',
    description: 'Folder for the report and the bake file; the temp folder of the runner when empty',
  },
  token: {
    tier: 'login',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of the workflow language, not of this one
    default: '${{ github.token }}',
    secret: true,
    description: 'Token of the job, for ghcr.io and for the git context of the build',
  },
} as const satisfies Readonly<Record<string, Said>>

/** What the scan of mirror and promote is told, as that of publish. */
const SCAN_ROWS = {
  severity: ROWS.severity,
  'ignore-unfixed': ROWS['ignore-unfixed'],
  scanners: ROWS.scanners,
  'pkg-types': ROWS['pkg-types'],
  'skip-dirs': ROWS['skip-dirs'],
  'skip-files': ROWS['skip-files'],
  trivyignores: ROWS.trivyignores,
  'trivy-config': ROWS['trivy-config'],
  vex: ROWS.vex,
  'trivy-version': ROWS['trivy-version'],
  'trivy-path': ROWS['trivy-path'],
  'trivy-archive': ROWS['trivy-archive'],
  'db-repository': ROWS['db-repository'],
  'java-db-repository': ROWS['java-db-repository'],
  'db-max-age': ROWS['db-max-age'],
  'scan-timeout': ROWS['scan-timeout'],
  'scan-cache': ROWS['scan-cache'],
} as const

/** How registries are reached and what is told of it, as in publish. */
const WAY_ROWS = {
  'dry-run': ROWS['dry-run'],
  retries: ROWS.retries,
  parallel: ROWS.parallel,
  'registry-config': ROWS['registry-config'],
  'rate-limit': {
    ...ROWS['rate-limit'],
    description: 'Pull limit of Docker Hub: what no longer fits is held for the next run (fail, strict), warn or off',
  },
  'rate-limit-reserve': ROWS['rate-limit-reserve'],
  summary: ROWS.summary,
  'report-dir': {
    ...ROWS['report-dir'],
    description: 'Folder for the report; the temp folder of the runner when empty',
  },
} as const

const TOKEN_ROW = { ...ROWS.token, description: 'Token of the job, for ghcr.io' } as const

const MIRROR_ROWS = {
  images: {
    tier: 'first',
    description:
      'What to copy, source => target, target a line; ; tags=, newest=, platforms=, referrers=, allow-empty after them',
  },
  config: {
    tier: 'first',
    description: 'A file in the format of regsync with what to copy, beside or instead of images',
  },
  'registry-auth': ROWS['registry-auth'],
  ecr: ROWS.ecr,
  'create-repository': ROWS['create-repository'],
  platforms: {
    tier: 'mirror',
    description: 'Copy these platforms only; a new index is made of them, with a digest of its own',
  },
  referrers: {
    tier: 'mirror',
    default: 'true',
    description: 'Carry signatures, SBOMs and attestations along: true, recheck (those of unchanged images too), false',
  },
  existing: {
    tier: 'mirror',
    default: 'follow',
    description: 'When a target shows another image: follow the source, add only what is missing, fail',
  },
  'min-age': {
    tier: 'mirror',
    description:
      'Take a new image only when it is this old, such as 3d; by its creation and by its first sighting in lock-file',
  },
  'min-age-except': {
    tier: 'mirror',
    description: 'Sources that need not wait, as globs over registry/path:tag',
  },
  backup: {
    tier: 'mirror',
    description: 'A name that keeps the old image before it is overwritten, such as backup-{{.Ref.Tag}}',
  },
  prune: {
    tier: 'mirror',
    default: 'false',
    description:
      'Remove tags that left the source and that lock-file says were written here: true, plan (only show them), false',
  },
  'lock-file': {
    tier: 'mirror',
    description: 'A file of the workspace that remembers digests and times from run to run',
  },
  check: {
    tier: 'mirror',
    default: 'false',
    description: 'Write nothing and set the output drift: true; strict is red when something would be written',
  },
  'on-error': {
    tier: 'mirror',
    default: 'continue',
    description: 'When one image fails: continue with the others and be red at the end, or abort',
  },
  'time-budget': {
    tier: 'mirror',
    description: 'Begin nothing new after this time, such as 50m, and say what is left for the next run',
  },
  scan: {
    tier: 'scan',
    default: 'off',
    description:
      'gate: what has findings does not enter and the old image stays; report: findings are reported; off: no scan',
  },
  ...SCAN_ROWS,
  ...WAY_ROWS,
  token: TOKEN_ROW,
} as const satisfies Readonly<Record<string, Said>>

const PROMOTE_ROWS = {
  from: {
    tier: 'first',
    required: true,
    description:
      'The image that gets new names, such as ghcr.io/acme/app@sha256:…; a digest alone is one of the first of images',
  },
  images: { ...ROWS.images, description: 'Repositories where it gets them, one a line or comma-separated' },
  tags: ROWS.tags,
  flavor: ROWS.flavor,
  version: ROWS.version,
  'existing-tag': {
    ...ROWS['existing-tag'],
    default: 'fail',
    description: 'When a fixed tag shows another image: fail, keep it, or overwrite it',
  },
  'moving-tags': {
    ...ROWS['moving-tags'],
    description: 'forward: a tag that would go backwards is an error; force moves it anyway, to roll back',
  },
  referrers: {
    ...MIRROR_ROWS.referrers,
    tier: 'names',
    description:
      'Carry signatures, SBOMs and attestations along: true, recheck (also where the image is already), false',
  },
  registry: ROWS.registry,
  username: ROWS.username,
  password: ROWS.password,
  'registry-auth': ROWS['registry-auth'],
  ecr: ROWS.ecr,
  'create-repository': ROWS['create-repository'],
  scan: { ...ROWS.scan, description: 'gate: findings stop the promotion; report: findings are reported; off: no scan' },
  ...SCAN_ROWS,
  ...WAY_ROWS,
  'rate-limit': {
    ...ROWS['rate-limit'],
    description:
      'Pull limit of Docker Hub before an image is read from there: fail when it is used up, strict, warn or off',
  },
  'on-registry-failure': ROWS['on-registry-failure'],
  token: TOKEN_ROW,
} as const satisfies Readonly<Record<string, Said>>

const ROWS_OF = { publish: ROWS, mirror: MIRROR_ROWS, promote: PROMOTE_ROWS } as const

/** The three actions of the family; one bundle serves them all. */
export type ActionName = keyof typeof ROWS_OF

export type InputName = keyof typeof ROWS | keyof typeof MIRROR_ROWS | keyof typeof PROMOTE_ROWS

/** Every input of an action that works, in the order of documentation. An input is declared when it works, never before. */
export function inputsOf(action: ActionName): readonly InputRow[] {
  return Object.entries<Said>(ROWS_OF[action]).map(([name, said]) => ({
    name,
    default: '',
    required: false,
    secret: false,
    ...said,
  }))
}

/** The environment variable in which a runner hands over an input: upper case, spaces to `_`, dashes stay. */
export function variableOf(name: string): string {
  return `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`
}

/** The default of an input as a value: an expression of the workflow language is nothing outside of a workflow. */
export function defaultOf(row: InputRow): string {
  return row.default.startsWith('$' + '{{') ? '' : row.default
}
