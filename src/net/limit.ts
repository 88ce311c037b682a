/** Runs at most so many things at a time; the others wait in line. */
export type Limit = {
  <T>(work: () => Promise<T>): Promise<T>
  /** Halves the width, down to one, for all that begins from now on; what it is then. */
  narrow(): number
}

/** A limit of `width` at a time. */
export function limitTo(width: number): Limit {
  const waiting: (() => void)[] = []
  let most = width
  let running = 0

  async function enter(): Promise<void> {
    if (running < most) {
      running += 1
      return
    }
    await new Promise<void>((go) => waiting.push(go))
  }

  function leave(): void {
    running -= 1
    if (running >= most) return
    const next = waiting.shift()
    if (next === undefined) return
    // Taken before it is used, so that nobody can slip in between.
    running += 1
    next()
  }

  async function run<T>(work: () => Promise<T>): Promise<T> {
    await enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }

  function narrow(): number {
    most = Math.max(1, Math.floor(most / 2))
    return most
  }

  return Object.assign(run, { narrow })
}
