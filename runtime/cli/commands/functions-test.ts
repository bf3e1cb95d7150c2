import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { appRoot } from '../../app-root.ts'
import { providedModules } from '../../backup/guests/provided-modules.ts'
import { loadConfig } from '../../config/load.ts'
import { watchModules } from '../../core/guests/modules.ts'
import { UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'

const ending = '.test.ts'

/**
 * `hdsync functions test`: runs the tests that stand beside the user's functions, on the Node that hdsync runs on.
 * @throws {UsageError} There is no such test.
 */
export async function testFunctionsCommand(
  names: readonly string[],
  options: { dir?: string; config?: string },
  io: Io,
): Promise<number> {
  const { dir, config: path } = options
  const folder = resolve(dir ?? (await loadConfig({ path, env: io.env })).functions)
  const known = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort()
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined || known.length === 0) {
    const what = unknown === undefined ? `no test in ${folder}` : `no ${join(folder, unknown + ending)}`
    const hint =
      (unknown && didYouMean(unknown, known)) ?? 'hdsync functions new writes one beside its function'
    throw new UsageError(`there is ${what}`, { hint })
  }
  watchModules({ provided: providedModules(), root: `${appRoot}/`, check: () => {} })
  const files = (names.length > 0 ? names : known).map((name) => join(folder, name + ending))
  let failed = false
  const events = run({ files, isolation: 'none' })
  events.on('test:fail', () => {
    failed = true
  })
  for await (const text of events.compose(spec)) io.stdout(String(text))
  return failed ? exitCodes.failed : exitCodes.succeeded
}
