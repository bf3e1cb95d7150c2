import { defineConfig } from 'vitest/config'

/**
 * Three projects: `unit` runs anywhere in seconds; `lab` boots machines with a real kernel and real LVM;
 * `system` boots one with systemd and udev, and installs the Debian package there.
 */
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
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
