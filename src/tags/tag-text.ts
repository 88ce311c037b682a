/** The longest tag that registries take (distribution spec, "Pulling manifests"). */
export const LONGEST_TAG = 128

/** Text as metadata-action makes a tag of it: a run of what no tag may hold becomes a dash. Not yet sure to be one. */
export function dashed(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]+/g, '-')
}

/** Text as a tag, whatever it is: also without what no tag begins with, and no longer than one may be. Empty: nothing is left. */
export function sanitizeTag(text: string): string {
  return dashed(text)
    .replace(/^[.-]+/, '')
    .slice(0, LONGEST_TAG)
}
