import { expect, test } from 'vitest'
import { soak } from '../../scripts/soak/run.ts'

const RUNS = 500

test(`${RUNS} random publishes through random faults end right, or cleanly`, { timeout: 300_000 }, async () => {
  const seed = Math.floor(Math.random() * 1_000_000_000)
  console.log(`soak: npm run soak -- --seed ${seed} --runs ${RUNS}`)
  const ends = []
  for (let run = 0; run < RUNS; run += 1) ends.push(await soak(seed + run))
  expect(ends.filter(({ complaints }) => complaints.length > 0)).toEqual([])
  // A soak in which nothing fails, or nothing succeeds, would show only half of it.
  expect(ends.filter(({ failure }) => failure === undefined).length).toBeGreaterThan(RUNS / 2)
  expect(ends.filter(({ failure }) => failure !== undefined).length).toBeGreaterThan(0)
})
