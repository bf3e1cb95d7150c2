/**
 * Runs every check and suite, whatever the ones before gave, and ends with what failed, once more, and one line that
 * counts them together. Lint, types and the build count as one test each.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { execa } from 'execa'
import { bundle, root } from '../build/bundle.ts'

/** What is used of vitest's JSON report. */
interface Report {
  numPassedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: {
    name: string
    message: string
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[]
  }[]
}

const linesOfFailure = 30
const scratch = mkdtempSync(join(tmpdir(), 'hdsync-test-'))
const counts = { passed: 0, skipped: 0 }
/** What failed, each with why. */
const failures: string[] = []
// Tests start hdsync hundreds of times: compiled once, it starts in half the time.
process.env.NODE_COMPILE_CACHE ??= join(scratch, 'compiled')

/** Ends the command when it is ended itself. */
async function run(command: string, ...words: string[]): Promise<boolean> {
  return !(await execa(command, words, { stdio: 'inherit', reject: false })).failed
}

async function check(name: string, command: string, ...words: string[]): Promise<void> {
  console.log(`\n== ${name}`)
  if (await run(command, ...words)) counts.passed += 1
  else failures.push(name)
}

/** The suites, side by side. What breaks before it reports counts as one failed test. */
async function suites(...projects: string[]): Promise<void> {
  const name = projects.join(', ')
  console.log(`\n== ${name}`)
  const report = join(scratch, 'report.json')
  const good = await run(
    'vitest',
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--reporter=${join(import.meta.dirname, 'heartbeat.ts')}`,
    `--outputFile=${report}`,
  )
  try {
    const told: Report = JSON.parse(readFileSync(report, 'utf8'))
    counts.passed += told.numPassedTests
    counts.skipped += told.numPendingTests + told.numTodoTests
    const failed = failuresIn(told)
    failures.push(...(good || failed.length > 0 ? failed : [`${name}: none of its tests, see above`]))
  } catch {
    failures.push(`${name}: no report`)
  }
}

/** One for each test that failed, and for each file that could not be run. */
function failuresIn({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(process.cwd(), name)
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    if (failed.length === 0) return message ? [beginningOf(`${file}\n${message}`)] : []
    return failed.map(({ fullName, failureMessages }) =>
      beginningOf([`${file} > ${fullName}`, ...failureMessages].join('\n')),
    )
  })
}

function beginningOf(text: string): string {
  return stripVTControlCharacters(text).split('\n').slice(0, linesOfFailure).join('\n')
}

/** Makes what users run. Tests start it, as it starts in half the time of the sources; without one, they start those. */
async function build(folder: string): Promise<void> {
  console.log('\n== build')
  try {
    await bundle(folder)
    mkdirSync(join(folder, 'node_modules'), { recursive: true })
    symlinkSync(join(root, 'node_modules/node'), join(folder, 'node_modules/node'))
    // Some tests start it as another user.
    chmodSync(scratch, 0o755)
    process.env.HDSYNC_TEST_BUILD ??= folder
    counts.passed += 1
  } catch (error) {
    failures.push(beginningOf(`build\n${error}`))
  }
}

await check('lint and format', 'biome', 'check', '.')
await check('types', 'tsc', '--noEmit')
await build(join(scratch, 'app'))
await suites('unit', 'fleet', 'lab', 'browser', 'system')

rmSync(scratch, { recursive: true, force: true })
if (failures.length > 0) console.log(`\n== failed\n${failures.join('\n\n')}`)
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`\n${counts.passed} passed, ${failures.length} failed${skipped}`)
process.exitCode = failures.length === 0 ? 0 : 1
