import { defineConfig } from 'vitest/config'

const parts = ['__tests__/parts/**/*.test.ts']

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'rooms',
          include: ['__tests__/**/*.test.ts'],
          exclude: [...parts, '__tests__/scenarios/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'scenarios',
          include: ['__tests__/scenarios/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'parts',
          include: parts,
          // Engines and registries share the machine: one file after the other keeps their timings apart.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
