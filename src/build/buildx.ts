import type { Command, Variables } from '../edges.ts'
import type { BuildRequest } from '../plan/request.ts'

/** Where a build runs and what it leaves behind. */
export type BuildSettings = {
  /** name of the builder */
  readonly builder: string
  readonly labels: Readonly<Record<string, string>>
  /** by level and key, `manifest:key`, `index:key`, `manifest[linux/arm64]:key` */
  readonly annotations: Readonly<Record<string, string>>
  /** the folder that becomes the OCI layout */
  readonly directory: string
  /** what buildx writes about the build, as JSON */
  readonly metadataFile: string
  readonly env: Variables
}

/**
 * The command of a build to an OCI layout folder, with build-push-action's meaning of every input. Build arguments are
 * no secrets (they end in the image's history); secrets are named by their files.
 */
export function buildCommand(build: BuildRequest, settings: BuildSettings): Command {
  const args = [
    ['buildx', 'build', '--progress', 'plain', '--builder', settings.builder],
    // A folder, not a tar: it saves a second copy of every layer.
    ['--output', csvRecord(['type=oci', `dest=${settings.directory}`, 'tar=false'])],
    ['--metadata-file', settings.metadataFile],
    build.platforms.length === 0 ? [] : ['--platform', build.platforms.join(',')],
    Object.entries(settings.labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    Object.entries(settings.annotations).flatMap(([key, value]) => ['--annotation', `${key}=${value}`]),
    build.buildArgs.flatMap((argument) => ['--build-arg', argument]),
    build.secrets.flatMap(({ id, file }) => ['--secret', csvRecord([`id=${id}`, `src=${file}`])]),
    build.target === '' ? [] : ['--target', build.target],
    build.file === '' ? [] : ['--file', build.file],
    build.provenance === '' ? [] : ['--provenance', build.provenance],
    [build.context],
  ]
  return { program: 'docker', args: args.flat(), env: settings.env }
}

/** buildx reads these flags as one record of CSV (RFC 4180): a comma in a path would begin another field. */
function csvRecord(fields: readonly string[]): string {
  return fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')
}
