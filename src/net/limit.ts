/** Runs at most so many things at a time; the others wait in line. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>

/** A limit of `width` at a time. */
export function limitTo(width: number): Limit {
  const waiting: (() => void)[] = []
  let running = 0

  async function enter(): Promise<void> {
    if (running < width) {
      running += 1
      return
    }
    // Whoever leaves hands its place on, so that nobody can slip in between.
    await new Promise<void>((go) => waiting.push(go))
  }

  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  return async (work) => {
    await enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
