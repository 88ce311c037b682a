import { parseEcr } from '../image/ecr-name.ts'

/** What to do when nobody is logged in. */
export function loginRemedy(registry: string): string {
  if (parseEcr(registry) !== undefined) {
    return `Nobody is logged in to ${registry}: give \`role-to-assume\` for it in \`registry-auth\` (and \`id-token: write\` to the job), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`
  }
  return `Nobody is logged in to ${registry}: name a login for it in \`registry-auth\`, and check that its secret is not empty.`
}

/** What to do about a missing right, in the words of each registry. */
export function pushRemedy(registry: string): string {
  if (registry === 'ghcr.io') {
    return 'Add `packages: write` to the permissions of the job; if the package was made by another repository, give this one write access in the settings of the package.'
  }
  if (registry === 'docker.io') {
    return 'Use an access token with the scope Read & Write, of an account that may push to this repository.'
  }
  if (parseEcr(registry) !== undefined) {
    return 'Allow this identity ecr:InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload, BatchCheckLayerAvailability and PutImage on the repository (ecr-public: the same).'
  }
  return 'Give this login the right to push to the repository.'
}

/** What to do about a repository that is not there; `undefined`: what is always to be done. */
export function missingRemedy(registry: string): string | undefined {
  if (parseEcr(registry) === undefined) return undefined
  return 'Create the repository first, or let it be created with `create-repository: true`.'
}
