import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { reasonOf, TerminalError, UsageError } from '../../errors.ts'
import { Catalogues } from '../../host/archive/catalogue/catalogues.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { configuredPoints } from '../../host/points/configured-points.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/**
 * `hdsync catalogue rebuild`: makes the catalogues of all sources, or of one, anew from the archives alone.
 * @returns 1 where an archive could not be read, or a catalogue not be written.
 * @throws {UsageError} There are no archives in the config, or there is no such source.
 * @throws {TerminalError} The disk of the archives is not there.
 */
export async function rebuildCommand(
  name: string | undefined,
  options: { config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const target = config.archive && config.targets[config.archive.target]
  if (!target) throw new UsageError('there is no `archive:` in the config')
  if (name !== undefined) checkSources([name], config)
  const reason = configuredPoints(config).absent.get(target.name)
  if (reason !== undefined)
    throw new TerminalError(`the disk of target ${target.name} cannot be read: ${reason}`)
  const runner = createRunner({ observer: unobserved, signal: new AbortController().signal, owner: 'read' })
  const catalogues = new Catalogues({ runner, stateDirectory: config.state })
  const archived = Object.values(config.sources).filter((source) => source.archive)
  const sources = name === undefined ? archived.map((source) => source.name) : [name]
  const results: { source: string; archives: number; problems: string[] }[] = []
  for (const source of sources) {
    let archives = 0
    const problems = await catalogues
      .rebuild({ target, source }, ({ path }, of) => {
        archives += 1
        if (!options.json) io.stderr(`hdsync: reading ${path} (${archives} of ${of})\n`)
      })
      .catch((error) => [`the catalogue of ${source} could not be written: ${reasonOf(error)}`])
    for (const problem of problems) io.stderr(`hdsync: ${problem}\n`)
    results.push({ source, archives, problems })
  }
  if (options.json) io.stdout(`${JSON.stringify(results)}\n`)
  else
    for (const { source, archives, problems } of results) io.stdout(told(source, archives - problems.length))
  return results.every(({ problems }) => problems.length === 0) ? exitCodes.succeeded : exitCodes.failed
}

function told(source: string, archives: number): string {
  return `${source}: ${archives} ${archives === 1 ? 'archive' : 'archives'} in the catalogue\n`
}
