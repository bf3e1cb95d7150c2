import { defineConfig } from 'vitest/config'

/** Two projects: `unit` runs anywhere in seconds; `lab` boots machines with a real kernel and real LVM. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/{unit,contract}/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
          fileParallelism: true,
        },
      },
    ],
  },
})
