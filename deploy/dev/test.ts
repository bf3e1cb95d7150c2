/**
 * Runs every check and suite one after the other, whatever the ones before gave, and ends with one line that
 * counts them together. Lint and types count as one test each.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const scratch = mkdtempSync(join(tmpdir(), 'hdsync-test-'))
const counts = { passed: 0, failed: 0, skipped: 0 }

function run(command: string, ...words: string[]): boolean {
  return spawnSync(command, words, { stdio: 'inherit' }).status === 0
}

function check(name: string, command: string, ...words: string[]): void {
  console.log(`\n== ${name}`)
  counts[run(command, ...words) ? 'passed' : 'failed'] += 1
}

/** A suite that breaks before it reports counts as one failed test. */
function suite(...projects: string[]): void {
  const name = projects.join(' and ')
  console.log(`\n== ${name}`)
  const report = join(scratch, `${projects[0]}.json`)
  const good = run(
    'vitest',
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
  )
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    counts.passed += numPassedTests
    counts.skipped += numPendingTests + numTodoTests
    counts.failed += good ? numFailedTests : Math.max(1, numFailedTests)
  } catch {
    counts.failed += 1
  }
}

check('lint and format', 'biome', 'check', '.')
check('types', 'tsc', '--noEmit')
suite('unit')
// Together, as the machine with systemd alone would leave a processor idle.
suite('lab', 'system')

rmSync(scratch, { recursive: true, force: true })
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`)
process.exitCode = counts.failed === 0 ? 0 : 1
