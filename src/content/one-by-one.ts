/**
 * Does work about some things while nobody else is at work about any of them. `waited`: somebody was, and may have done
 * what was to be done.
 */
export type OneByOne = <T>(things: readonly string[], work: (waited: boolean) => Promise<T>) => Promise<T>

/** Lets those who want the same thing come one after the other, in the order in which they asked for it. */
export function oneByOne(): OneByOne {
  /** by thing: when the last one of those that asked for it has ended */
  const taken = new Map<string, Promise<void>>()

  return async (things, work) => {
    const own = Promise.withResolvers<void>()
    // All at once, before anything else can happen: two that want the same things never wait for each other.
    const others = [...new Set(things)].flatMap((thing) => {
      const last = taken.get(thing)
      taken.set(thing, own.promise)
      return last === undefined ? [] : [last]
    })
    try {
      await Promise.all(others)
      return await work(others.length > 0)
    } finally {
      own.resolve()
      for (const thing of things) if (taken.get(thing) === own.promise) taken.delete(thing)
    }
  }
}
