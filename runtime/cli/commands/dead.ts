import { pausedBy } from '../../backup/proof/dead-paused.ts'
import { adviceForRestore } from '../../backup/restore/dead-restore.ts'
import type { DeadLetter } from '../../core/bus/journal.ts'
import { exitCodes } from '../exit-codes.ts'
import { storeConfig } from '../find-store.ts'
import { localTime, painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { readJournal } from '../store.ts'
import { table } from '../table.ts'
import { tellingOf, toldOf } from '../view/event-lines.ts'

/** As `dead --json` prints it. */
interface DeadRow {
  /** What `redrive` takes. */
  id: number
  /** When it was given up, ISO 8601 in UTC. */
  at: string
  function: string
  /** The type of the event that it was to handle. */
  event: string
  /** Of a notification: the type of the event that nobody was told of. */
  tellsOf: string | null
  source: string | null
  run: string | null
  /** Attempts in all. */
  tries: number
  error: string
}

/**
 * `hdsync dead`: what used up its attempts, the newest first. Looks only: it works beside a run that is going on, and
 * makes no store.
 * @throws {UsageError} The store cannot be read.
 */
export async function deadCommand(options: { config?: string; json?: boolean }, io: Io): Promise<number> {
  const config = await storeConfig(options.config, io)
  const letters = readJournal(config, (journal) => journal.dead()) ?? []
  const rows = letters.map(rowOf)
  if (options.json) io.stdout(`${JSON.stringify(rows)}\n`)
  else io.stdout(rows.length > 0 ? deadTable(letters, io) : 'no dead letters\n')
  return exitCodes.succeeded
}

function rowOf({ id, function: name, event, tries, diedAt, error }: DeadLetter): DeadRow {
  return {
    id,
    at: new Date(diedAt).toISOString(),
    function: name,
    event: event.type,
    tellsOf: toldOf(event) ?? null,
    source: event.subject ?? null,
    run: event.runid ?? null,
    tries,
    error,
  }
}

function deadTable(letters: readonly DeadLetter[], { colour, width }: Io): string {
  const rows = letters.map((letter) => ({ ...rowOf(letter), telling: tellingOf(letter.event) }))
  const paint = painter(colour)
  const head = ['ID', 'GIVEN UP', 'FUNCTION', 'EVENT', 'SOURCE', 'ATTEMPTS', 'ERROR']
  const cells = rows.map(({ id, at, function: name, event, telling, source, tries, error }) => [
    String(id),
    localTime(Date.parse(at)),
    paint.bold(name),
    telling ?? event,
    source ?? '-',
    String(tries),
    printable(error.replace(/\s*\n\s*/g, '; ')),
  ])
  return `${table([head, ...cells], width)}${adviceOn(letters)}`
}

/** A step of a restore, a verification or copies is not redriven: each has its own way to go on. */
function adviceOn(letters: readonly DeadLetter[]): string {
  const adviceFor = (letter: DeadLetter) => {
    const hint = adviceForRestore(letter)
    return hint === undefined ? pausedBy(letter) : { what: 'a restore', hint }
  }
  const redrivable = letters.find((letter) => adviceFor(letter) === undefined)
  const ofRestores = letters.flatMap((letter) => {
    const advice = adviceFor(letter)
    return advice ? [`${letter.id} is of ${advice.what}: ${advice.hint}\n`] : []
  })
  const redrive = redrivable ? [`take one up again: hdsync redrive ${redrivable.id}\n`] : []
  return [...ofRestores, ...redrive].join('')
}
