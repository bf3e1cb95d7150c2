import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { reasonOf, UsageError } from '../../errors.ts'
import { Catalogues } from '../../host/archive/catalogue/catalogues.ts'
import type { Archived } from '../../host/archive/catalogue/from-archives.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { onTargets } from '../keep/on-target.ts'

/**
 * `hdsync catalogue rebuild`: makes the catalogues of all sources, or of one, anew from the archives alone, while no run is
 * going on: one that is, is waited for.
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
  const archived = Object.values(config.sources).filter((source) => source.archive)
  const sources = name === undefined ? archived.map((source) => source.name) : [name]
  const results = await onTargets(config, [target], io, async ({ commands }) => {
    const catalogues = new Catalogues({ runner: commands, stateDirectory: config.state })
    const rebuilt: Rebuilt[] = []
    for (const source of sources) rebuilt.push(await rebuild({ target, source }, catalogues, options, io))
    return rebuilt
  })
  if (options.json) io.stdout(`${JSON.stringify(results)}\n`)
  else
    for (const { source, archives, problems } of results) io.stdout(told(source, archives - problems.length))
  return results.every(({ problems }) => problems.length === 0) ? exitCodes.succeeded : exitCodes.failed
}

interface Rebuilt {
  source: string
  archives: number
  problems: string[]
}

async function rebuild(
  of: Archived,
  catalogues: Catalogues,
  { json }: { json?: boolean },
  io: Io,
): Promise<Rebuilt> {
  let archives = 0
  const onArchive = ({ path }: { path: string }, all: number) => {
    archives += 1
    if (!json) io.stderr(`hdsync: reading ${path} (${archives} of ${all})\n`)
  }
  const problems = await catalogues
    .rebuild(of, onArchive)
    .catch((error) => [`the catalogue of ${of.source} could not be written: ${reasonOf(error)}`])
  for (const problem of problems) io.stderr(`hdsync: ${problem}\n`)
  return { source: of.source, archives, problems }
}

function told(source: string, archives: number): string {
  return `${source}: ${archives} ${archives === 1 ? 'archive' : 'archives'} in the catalogue\n`
}
