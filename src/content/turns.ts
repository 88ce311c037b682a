/** Lets work wait for its turn. */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>

/** So many turns at a time, in the order in which they were asked for. */
export function turns(width: number): Turn {
  const waiting: (() => void)[] = []
  let running = 0

  return async (work) => {
    if (running >= width) await new Promise<void>((go) => waiting.push(go))
    else running += 1
    try {
      return await work()
    } finally {
      // The place is handed over, so that nobody can slip in between.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
