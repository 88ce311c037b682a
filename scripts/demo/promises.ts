/** What was promised, and whether it was so: each is told when it is looked at. */
export type Promises = {
  look(promised: string, isKept: boolean): void
  readonly broken: readonly string[]
}

export function promisesTold(tell: (line: string) => void): Promises {
  const broken: string[] = []
  return {
    broken,
    look(promised, isKept) {
      tell(`  ${isKept ? 'yes' : 'NO '}  ${promised}`)
      if (!isKept) broken.push(promised)
    },
  }
}
