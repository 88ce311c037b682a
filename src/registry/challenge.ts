/** How a registry wants us to prove who we are (RFC 9110, 11.6.1; distribution token spec). */
export type Challenge = {
  /** lower case: `bearer`, `basic`, … */
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
const BARE = /[^\s,]*/y

/**
 * Reads all challenges of all `WWW-Authenticate` headers. Several schemes may stand in one header and several headers
 * in one answer; what cannot be read is passed over, since one good challenge is enough.
 */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  return headers.flatMap(parseHeader)
}

/** The challenge to answer: a bearer token before a password on every request. */
export function bestChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined)
  return bearer ?? challenges.find(({ scheme }) => scheme === 'basic')
}

function parseHeader(text: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  let at = 0
  while (at < text.length) {
    const word = match(TOKEN, text, at)
    if (word === undefined) {
      at += 1
      continue
    }
    at += word.length
    // A word followed by `=` is a parameter of the challenge before it; any other begins a new challenge.
    const equals = /^\s*=(?!=)/.exec(text.slice(at))
    const current = challenges.at(-1)
    if (equals === null) challenges.push({ scheme: word.toLowerCase(), parameters: {} })
    else {
      const value = readValue(text, at + equals[0].length)
      if (current !== undefined) current.parameters[word.toLowerCase()] ??= value.text
      at = value.end
    }
  }
  return challenges
}

function readValue(text: string, from: number): { readonly text: string; readonly end: number } {
  const start = from + (text.slice(from).length - text.slice(from).trimStart().length)
  const quoted = match(QUOTED, text, start)
  if (quoted !== undefined) return { text: quoted.slice(1, -1).replace(/\\(.)/g, '$1'), end: start + quoted.length }
  const bare = match(BARE, text, start) ?? ''
  return { text: bare, end: start + Math.max(bare.length, 1) }
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  const sticky = new RegExp(pattern.source, 'y')
  sticky.lastIndex = at
  return sticky.exec(text)?.[0]
}
