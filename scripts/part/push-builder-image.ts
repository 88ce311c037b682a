import { mustRun } from './command.ts'
import { requirePart } from './locate.ts'
import { BUILDKIT } from './table.ts'

/** Pushes the builder image to a registry on this machine and returns the reference for `--driver-opt image=`. */
export async function pushBuilderImage(registryHost: string): Promise<string> {
  const layout = await requirePart('builder-image')
  const crane = await requirePart('crane')
  const reference = `${registryHost}/lading/buildkit:${BUILDKIT.version}`
  await mustRun(`push the builder image to ${registryHost}`, crane, ['push', '--insecure', layout, reference])
  return reference
}
