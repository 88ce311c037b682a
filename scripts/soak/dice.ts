/** Chance that can be repeated: the same seed throws the same dice. */
export type Dice = {
  /** 0 ≤ x < 1 */
  throw(): number
  /** a whole number from `least` to `most`, both included */
  between(least: number, most: number): number
  /** true in so many of a hundred throws */
  chance(percent: number): boolean
  pick<T>(list: readonly [T, ...T[]]): T
}

/** Mulberry32: 32 bits of state are plenty for a few hundred throws. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    const mixed = Math.imul(state ^ (state >>> 15), state | 1)
    const stirred = mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61))
    return ((stirred ^ (stirred >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    throw: next,
    between,
    chance: (percent) => next() * 100 < percent,
    pick: (list) => list[between(0, list.length - 1)] ?? list[0],
  }
}
