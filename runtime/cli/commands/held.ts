import { type HeldNames, namesIn, nameText } from '../../backup/holds/held-names.ts'
import { describeHold, type Hold, openHolds, waitingHolds } from '../../backup/holds/holds.ts'
import { readPast } from '../../backup/past.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { count, counted } from '../../count.ts'
import { UsageError } from '../../errors.ts'
import { heldLists } from '../../host/mirror/held-lists.ts'
import { heldText } from '../../why-held.ts'
import { exitCodes } from '../exit-codes.ts'
import { localDay, type Painter, painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'

export interface HeldOptions {
  config?: string
  json?: boolean
  names?: boolean
}

/**
 * `hdsync show --held`: what a held sync would delete and change, by folder or name by name; or everything that is held.
 * @param id A source, the id of a hold, or a run.
 * @throws {UsageError} Nothing is held under it, or what would go is not on record any more.
 */
export async function heldCommand(id: string | undefined, options: HeldOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const paint = painter(io.colour)
  const holds = holdsUnder(config, id)
  if (id === undefined) {
    const text = holds.map((hold) => holdText(hold, paint)).join('\n') || 'nothing is held\n'
    io.stdout(options.json ? `${JSON.stringify(holds.map(describeHold))}\n` : text)
    return exitCodes.succeeded
  }
  for (const hold of holds) {
    if (options.json) io.stdout(`${JSON.stringify({ ...describeHold(hold), ...namedJson(config, hold) })}\n`)
    else if (options.names) io.stdout(namesText(namesOf(config, hold)))
    else io.stdout(holdText(hold, paint))
  }
  return exitCodes.succeeded
}

function holdsUnder(config: Config, id: string | undefined): Hold[] {
  const lists = heldLists(config.state)
  return readPast(config, ({ bus, journal }) =>
    id === undefined ? openHolds({ bus, config, lists }) : waitingHolds({ bus, journal, config, lists }, id),
  )
}

function namedJson(config: Config, hold: Hold): { names: string[]; changedNames: string[] } {
  const { deleted, changed } = namesOf(config, hold)
  return { names: deleted.map(nameText), changedNames: changed.map(nameText) }
}

/** One name a line; where files would be changed as well, each with what becomes of it. */
function namesText({ deleted, changed }: HeldNames): string {
  const line = (name: string) => `${printable(nameText(name))}\n`
  if (changed.length === 0) return deleted.map(line).join('')
  return [
    ...deleted.map((name) => `deleted  ${line(name)}`),
    ...changed.map((name) => `changed  ${line(name)}`),
  ].join('')
}

function namesOf(config: Config, { source, facts: { hold, digest } }: Hold): HeldNames {
  const list = hold === undefined ? undefined : heldLists(config.state).read(hold, digest)
  if (list) return namesIn(list)
  throw new UsageError(`what the hold of ${source} would delete is not on record`, {
    hint: `hdsync run ${source} looks again`,
  })
}

/** A hold as a person judges it: what would go and change, out of which folders, and how it is let go on. */
export function holdText(hold: Hold, paint: Painter): string {
  const { source, run, at, facts } = hold
  const id = facts.hold === undefined ? '' : `, hold ${facts.hold}`
  return [
    `${paint.bold(source)}: ${paint.state('held')} on ${localDay(Date.parse(at))}, in run ${run}${id}\n`,
    `${printable(heldText(facts))}\n`,
    folders(hold),
    changedFolders(hold),
    ...(facts.digest === undefined
      ? [`it cannot be released, as what would go is not on record: hdsync run ${source} looks again\n`]
      : [
          `digest ${facts.digest}\n`,
          `each name: hdsync show --held ${source} --names\n`,
          `to let it go on: hdsync release ${source}\n`,
        ]),
  ].join('')
}

function folders({ facts: { byFolder = [], files = 0, folders: all = 0 } }: Hold): string {
  if (byFolder.length === 0) return ''
  const rows = byFolder.map(({ path, files: inIt, folders: below, whole }) => [
    count(inIt),
    count(below),
    `${printable(path)}${whole ? '  (all of it)' : ''}`,
  ])
  const sum = (key: 'files' | 'folders') => byFolder.reduce((total, row) => total + row[key], 0)
  const rest = [files - sum('files'), all - sum('folders')] as const
  const elsewhere = `and ${counted(rest[0], 'file')} and ${counted(rest[1], 'folder')} elsewhere\n`
  return table([['FILES', 'FOLDERS', 'OUT OF'], ...rows]) + (rest[0] + rest[1] > 0 ? elsewhere : '')
}

function changedFolders({ facts: { changes } }: Hold): string {
  if (!changes) return ''
  const rows = changes.byFolder.map(({ path, files }) => [count(files), printable(path)])
  const shown = changes.byFolder.reduce((total, { files }) => total + files, 0)
  const rest = changes.files - shown
  return (
    table([['FILES', 'CHANGED IN'], ...rows]) + (rest > 0 ? `and ${counted(rest, 'file')} elsewhere\n` : '')
  )
}
