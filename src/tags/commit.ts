/** Characters of a commit for people and in tags; Git's and metadata-action's short form. */
const SHORT = 7

/** `90dd603`. */
export function shortCommit(commit: string): string {
  return commit.slice(0, SHORT)
}

/** Whether two texts name one commit. Some tools tell the short form only. */
export function isSameCommit(one: string, other: string): boolean {
  const [short = '', long = ''] = [one.toLowerCase(), other.toLowerCase()].toSorted((a, b) => a.length - b.length)
  return short.length >= SHORT && long.startsWith(short)
}
