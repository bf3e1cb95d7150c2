import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A failure that hooks were told of. */
export interface Told {
  /** Milliseconds since the epoch. */
  at: number
  /** Why, where hooks were told of that; also where none could be told by then. */
  reason?: string
  /** The start of a unit that failed by it, as systemd names it (INVOCATION_ID). */
  invocation?: string
  /** The type of the event by which they were told, where that was the end of a run. */
  end?: string
}

/** The same reason is the same failure for that long: a unit and the one that it waits for fail one after the other. */
const sameMs = 10 * 60_000
const kept = 20

/** Notes a failure of which hooks were told, so that they are not told of it again by another way. Never throws. */
export function noteTold(state: string, told: Told): void {
  const file = fileOf(state)
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, JSON.stringify([...readTold(state), told].slice(-kept)), { mode: 0o600 })
    renameSync(draft, file)
  } catch {
    // They are told twice then, rather than not at all.
  }
}

/** What hooks were told of a failure, if they were. */
export function toldOf(
  state: string,
  { invocation, reason }: Pick<Told, 'invocation' | 'reason'>,
  now = Date.now(),
): Told | undefined {
  return readTold(state).findLast(
    (told) =>
      (invocation !== undefined && told.invocation === invocation) ||
      (reason !== undefined && told.reason === reason && Math.abs(now - told.at) < sameMs),
  )
}

function readTold(state: string): Told[] {
  try {
    const told: unknown = JSON.parse(readFileSync(fileOf(state), 'utf8'))
    return Array.isArray(told) ? told : []
  } catch {
    return []
  }
}

/** Not in the state directory, where that can be helped: it may be what has failed. */
function fileOf(state: string): string {
  const id = createHash('sha256').update(state).digest('hex').slice(0, 16)
  return process.getuid?.() === 0 ? `/run/hdsync/told-${id}.json` : join(state, `told-${id}.json`)
}
