/** Whether one character is meant. */
export type OneOf = (character: string) => boolean

const PERL: Readonly<Record<string, RegExp>> = { d: /^[0-9]$/, s: /^[\t\n\f\r ]$/, w: /^[0-9A-Za-z_]$/ }

// pkg.go.dev/regexp/syntax, "ASCII character classes".
const NAMED: Readonly<Record<string, RegExp>> = {
  alnum: /^[0-9A-Za-z]$/,
  alpha: /^[A-Za-z]$/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this class is defined by its first and last character
  ascii: /^[\u0000-\u007f]$/,
  blank: /^[\t ]$/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this class is the control characters
  cntrl: /^[\u0000-\u001f\u007f]$/,
  digit: /^[0-9]$/,
  graph: /^[!-~]$/,
  lower: /^[a-z]$/,
  print: /^[ -~]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^[\t\n\v\f\r ]$/,
  upper: /^[A-Z]$/,
  word: /^[0-9A-Za-z_]$/,
  xdigit: /^[0-9A-Fa-f]$/,
}

/** `\d`, `\s`, `\w` by their letter, of ASCII alone; the upper-case ones are what these are not. */
export function perlClass(letter: string): OneOf | undefined {
  const lower = letter.toLowerCase()
  const known = Object.hasOwn(PERL, lower) ? PERL[lower] : undefined
  if (known === undefined) return undefined
  return letter === lower ? (one) => known.test(one) : (one) => !known.test(one)
}

/** `[:alpha:]` and its kin by their name. */
export function namedClass(name: string): OneOf | undefined {
  const known = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined
  return known === undefined ? undefined : (one) => known.test(one)
}

/** `\p{…}`: a general category (`L`, `Lu`) or a script (`Greek`). */
export function unicodeClass(name: string): OneOf | undefined {
  if (name === 'Any') return () => true
  const property = /^[CLMNPSZ][a-z]?$/.test(name) ? name : `Script=${name}`
  try {
    const pattern = new RegExp(`^\\p{${property}}$`, 'u')
    return (one) => pattern.test(one)
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

/** From one character to another, both included. */
export function classOf(low: string, high: string): OneOf {
  const [from = 0, to = 0] = [low.codePointAt(0), high.codePointAt(0)]
  return (one) => {
    const code = one.codePointAt(0) ?? -1
    return code >= from && code <= to
  }
}

/** The same with upper and lower case as one. */
export function folded(is: OneOf): OneOf {
  return (one) => is(one) || is(one.toLowerCase()) || is(one.toUpperCase())
}

/** As `\w`: what a `\b` looks for on its two sides. */
export function isWord(character: string): boolean {
  return /^[0-9A-Za-z_]$/.test(character)
}
