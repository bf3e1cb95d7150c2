import type { Command, CommandRunner } from '../command/command.ts'
import { type Names, namesIn } from './accounts.ts'

const timeoutMs = 60_000
/** Fewer than a command line takes. */
const mostAtOnce = 1000

/**
 * Which numbers names have on this machine, those of directory services too.
 * @returns By name; those that are not here are left out.
 * @see getent(1)
 */
export async function localIds(
  database: 'passwd' | 'group',
  names: readonly string[],
  runner: CommandRunner,
): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (let from = 0; from < names.length; from += mostAtOnce) {
    const asked = names.slice(from, from + mostAtOnce)
    const wanted = new Set(asked)
    // A name of digits alone is looked up as a number: what comes back under another name was not asked for.
    for (const [id, here] of await lookUp(database, asked, runner))
      for (const name of here) if (wanted.has(name)) found.set(name, id)
  }
  return found
}

/** The names that numbers have here, where they have one. */
export async function localNames(
  database: 'passwd' | 'group',
  ids: readonly number[],
  runner: CommandRunner,
): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map()
  const found = await lookUp(database, ids.slice(0, mostAtOnce).map(String), runner)
  return new Map([...found].map(([id, [name = '']]) => [id, name]))
}

/** @param keys Names or numbers, at most `mostAtOnce` of them. */
async function lookUp(
  database: 'passwd' | 'group',
  keys: readonly string[],
  runner: CommandRunner,
): Promise<Names> {
  const argv: Command['argv'] = ['getent', '--', database, ...keys]
  // 2: some of them are not there.
  const { stdout } = await runner.run({ argv, timeoutMs, accept: [0, 2] })
  return namesIn(stdout)
}
