import type { LoginPlace } from '../access.ts'

/**
 * Which login to use for a repository: the user's own one with the longest prefix, else what Docker knows.
 * Someone who is refused stays refused: nothing falls back to anonymous.
 */
export function chooseLogin<T extends LoginPlace>(
  logins: readonly T[],
  registry: string,
  path: string,
  use: 'pull' | 'push',
): T | undefined {
  return logins
    .filter(
      (login) =>
        login.registry === registry && (login.use === use || login.use === 'both') && isWithin(path, login.prefix),
    )
    .toSorted((one, other) => other.prefix.length - one.prefix.length)[0]
}

function isWithin(path: string, prefix: string): boolean {
  // Exact or followed by a slash: a prefix `acme` must not send its secret to `acme-evil/…`.
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`)
}
