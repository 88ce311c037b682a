// `npm run soak -- --seed S --runs N`: publishes random images through random faults, and looks at what is left after each.
import { parseArgs } from 'node:util'
import { soak } from './soak/run.ts'

const { values } = parseArgs({ options: { seed: { type: 'string' }, runs: { type: 'string', default: '500' } } })
const seed = wholeNumber('seed', values.seed ?? String(Math.floor(Math.random() * 1_000_000_000)))
const runs = wholeNumber('runs', values.runs)

console.log(`soak: ${runs} runs from seed ${seed}`)
const failures: Record<string, number> = {}
let wrong = 0
for (let run = 0; run < runs; run += 1) {
  const end = await soak(seed + run)
  const how = end.failure ?? 'published'
  failures[how] = (failures[how] ?? 0) + 1
  if (end.complaints.length === 0) continue
  wrong += 1
  console.log(`\nseed ${end.seed} is wrong (${end.story}, ${how}):`)
  for (const complaint of end.complaints) console.log(`  ${complaint}`)
  console.log(`  repeat: npm run soak -- --seed ${end.seed} --runs 1`)
}
console.log(
  Object.entries(failures)
    .map(([how, count]) => `${count} ${how}`)
    .join(', '),
)
console.log(
  wrong === 0 ? `soak: all ${runs} runs were right or failed cleanly` : `soak: ${wrong} of ${runs} runs were wrong`,
)
process.exitCode = wrong === 0 ? 0 : 1

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0 || text === '')
    throw new Error(`--${name} takes a whole number, not “${text}”`)
  return number
}
