import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes several minutes, longest first. */
const longest = [
  ...[
    'test/system/install.',
    'test/lab/restore/',
    'test/lab/refusals/',
    'test/lab/stops/',
    'test/lab/disks/',
    'test/system/',
  ],
  ...['test/lab/', 'test/browser/', 'test/unit/functions/copies', 'test/unit/runtime/core/guests/failing'],
  ...['test/unit/runtime/vault/', 'test/unit/functions/vault/', 'test/unit/runtime/backup/restore/plan/'],
  'test/unit/deploy/',
]

const workers = availableParallelism() + 2

/** What is too long for every push; `npm run test:nightly` sets it. */
const nightly = process.env.HDSYNC_NIGHTLY === '1'
const exclude = ['**/node_modules/**', ...(nightly ? [] : ['**/*.nightly.test.ts'])]

/** What begins with the longest does not wait for it at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longest.findIndex((folder) => moduleId.includes(`/${folder}`))
      return place < 0 ? longest.length : place
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

/**
 * Five projects: `unit` runs anywhere in seconds; `lab` boots machines with a real kernel and real LVM; `system` boots one with
 * systemd and udev, and installs the Debian package there; `browser` opens the page in a real Chromium; `fleet` has a real NATS
 * server between hosts and their hub.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // More than a small box has cores: unit tests wait for processes and for the disk, while machines compute.
    maxWorkers: workers,
    projects: [
      {
        // Examples import `hdsync` by name.
        resolve: { tsconfigPaths: true },
        test: {
          name: 'unit',
          include: ['test/{unit,contract}/**/*.test.ts'],
          exclude,
          // Only what hangs takes so long, even where other work goes on beside.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // What a test looks for in another process is looked for as `expect.poll()` does.
          expect: { poll: { timeout: 60_000, interval: 20 } },
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          exclude,
          // Only what hangs takes so long, even where the machine in the machine is slow.
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          exclude,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        resolve: { tsconfigPaths: true },
        test: {
          name: 'fleet',
          include: ['test/fleet/**/*.test.ts'],
          exclude,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 30_000, interval: 50 } },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          exclude,
          testTimeout: 1_200_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
})
