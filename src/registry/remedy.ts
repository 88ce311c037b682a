/** What to do when nobody is logged in. */
export function loginRemedy(registry: string): string {
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
  return 'Give this login the right to push to the repository.'
}
