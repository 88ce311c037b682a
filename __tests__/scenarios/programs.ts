import { afterAll } from 'vitest'
import { startRegistry } from '../support/registry/server.ts'
import type { Runner } from '../support/runner.ts'
import { databaseOf, putDatabase } from '../support/trivy-database.ts'

/** What a fake scanner does in each of its roles: JavaScript that finds `args`, `option`, `fs` and `answer`. */
export type FakeTrivy = {
  readonly version?: string
  /** what it says of packages that everybody knows to be vulnerable */
  readonly known?: string
  readonly scan?: string
}

const VERSION = `console.log('{"Version":"0.74.0"}')`
const CLEAN = 'answer([], 0)'

/** Reads what it was really given, as Trivy does, and reports about that. */
const HELPERS = `
  const read = (digest) => JSON.parse(fs.readFileSync(option('--input') + '/blobs/' + digest.replace(':', '/')))
  const scanned = () => read(JSON.parse(fs.readFileSync(option('--input') + '/index.json')).manifests[0].digest)
  const architecture = () => read(scanned().config.digest).architecture
  const answer = (results, code) => {
    const report = { SchemaVersion: 2, ArtifactName: option('--input'), ArtifactType: 'container_image',
      Metadata: { ImageID: scanned().config.digest }, Results: results }
    fs.writeFileSync(option('--output'), JSON.stringify(report))
    process.exitCode = code
  }`

/** Gives a database to all tests of a file; what is in it, only a real scanner would read. */
const registry = await startRegistry()
putDatabase(registry, databaseOf({ content: 'advisories' }))
afterAll(() => registry.stop())

/** The input that names a database. */
export const DATABASE = { 'db-repository': `${registry.host}/trivy-db` } as const

/** The inputs that name the fake scanner and its database: PATH alone makes nobody a scanner. */
export const TRIVY = { 'trivy-path': '../bin/trivy', ...DATABASE } as const

/** A `trivy` in the folder that is on PATH; by default it finds nothing. */
export function fakeTrivy(on: Runner, fake: FakeTrivy = {}): Promise<void> {
  return on.program(
    'trivy',
    `${HELPERS}
if (args[0] === 'version') { ${fake.version ?? VERSION} }
else if (args[0] === 'rootfs') { ${fake.known ?? 'process.exitCode = 10'} }
else { ${fake.scan ?? CLEAN} }`,
  )
}

/** A finding as Trivy reports it. */
export function vulnerability(changes: Readonly<Record<string, unknown>> = {}): object {
  const finding = {
    VulnerabilityID: 'CVE-2019-14697',
    PkgName: 'musl',
    InstalledVersion: '1.1.19-r2',
    FixedVersion: '1.1.22-r3',
    Status: 'fixed',
    Severity: 'CRITICAL',
    Title: 'musl: x87 floating-point stack adjustment imbalance',
    PrimaryURL: 'https://avd.aquasec.com/nvd/cve-2019-14697',
    ...changes,
  }
  return { Target: 'linux-amd64', Class: 'os-pkgs', Type: 'alpine', Vulnerabilities: [finding] }
}

/** A scan that finds this in every platform, or in one alone. */
export function finding(result: object, architecture?: string): string {
  const found = `answer([${JSON.stringify(result)}], 10)`
  if (architecture === undefined) return found
  return `if (architecture() === ${JSON.stringify(architecture)}) { ${found} } else { answer([], 0) }`
}

/** What a fake engine does when it builds: JavaScript that finds `args`, `option`, `fs` and `layoutFolder()`. */
export type FakeDocker = {
  readonly build?: string
  readonly login?: string
  readonly create?: string
  readonly info?: string
}

const ENGINE = `
  const destination = () => args.find((arg) => arg.startsWith('type=oci')).match(/dest=([^,"]+)/)[1]
  const inspected = 'Name: default\\nDriver: docker\\n\\nNodes:\\nName: default\\nEndpoint: default\\nStatus: running\\n'`

const CONTAINERD = `console.log('[["driver-type","io.containerd.snapshotter.v1"]]')`

/** A `docker` on PATH whose current builder can export; building copies the layout `from`, if there is one. */
export function fakeDocker(on: Runner, fake: FakeDocker = {}, from = `${on.workspace}/layout`): Promise<void> {
  const copy = `fs.cpSync(${JSON.stringify(from)}, destination(), { recursive: true })`
  return on.program(
    'docker',
    `${ENGINE}
const command = args.includes('info') ? 'info' : args.slice(0, 2).join(' ')
if (command === 'buildx inspect') process.stdout.write(inspected)
else if (command === 'info') { ${fake.info ?? CONTAINERD} }
else if (command === 'buildx build') { ${fake.build ?? copy} }
else if (args[0] === 'login') { ${fake.login ?? "console.log('Login Succeeded')"} }
else if (command === 'buildx create') { ${fake.create ?? ''} }`,
  )
}
