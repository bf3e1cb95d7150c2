import { formatDuration } from '../../../../units.ts'
import { heldFloor, type NewDelivery, type PutOff } from '../../bus.ts'
import type { Statements } from '../statements.ts'

/** How a delivery stands when it comes. */
export interface Admission {
  runAt: number
  /** When the first of those came that it stands for, itself included; null where it is not put off. */
  since: number | null
  /** Whether it waits behind others of its key. */
  isBehind: boolean
  /** Why it ends without being handled, if it does. */
  skipped?: string
}

/**
 * Decides how a delivery stands among those of its function and key, and ends those that it stands for. To be called in
 * the transaction that records it, before it is recorded under its key.
 * @param now When it came, in milliseconds since the epoch.
 */
export function admit(sql: Statements, delivery: NewDelivery, now: number): Admission {
  const { key, onBusy, putOff, runAt } = delivery
  if (key === undefined) return { runAt, since: null, isBehind: false }
  // A run that waits for its turn begins when that comes, and not later.
  const moment = putOff && runAt < heldFloor ? standFor(sql, delivery, putOff, now) : { runAt, since: null }
  const isBehind = isBusy(sql, delivery)
  if (!isBehind) return { ...moment, isBehind }
  if (onBusy === 'skip') return { ...moment, isBehind, skipped: `skipped: ${key} is busy` }
  if (onBusy === 'replace') {
    const why = `skipped: ${key} is busy, and a later one waits for it`
    for (const { id } of sql.waitingBehind.all(delivery.function, key)) skip(sql, id as number, now, why)
  }
  return { ...moment, isBehind }
}

/** Ends a delivery that waits, and says why in its log. */
export function skip(sql: Statements, id: number, at: number, why: string): void {
  sql.skip.run(at, id)
  sql.say.run(id, at, why)
}

/** Whether as many as may be in hand are open of its key. */
function isBusy(sql: Statements, { function: name, key, keyLimit = 1 }: NewDelivery): boolean {
  return (sql.openOfKey.get(name, key as string, keyLimit)?.open as number) >= keyLimit
}

/** Puts a delivery off, and ends the one that was put off before it: where that stood in front, it takes its place. */
function standFor(
  sql: Statements,
  { function: name, key, runAt }: NewDelivery,
  { waitMs, longestMs }: PutOff,
  now: number,
): { runAt: number; since: number } {
  let since = now
  for (const earlier of sql.putOff.all(name, key as string, now)) {
    skip(sql, earlier.id as number, now, `skipped: another one came within ${formatDuration(waitMs)}`)
    since = Math.min(since, earlier.since as number)
  }
  return { runAt: Math.max(runAt, Math.min(now + waitMs, since + longestMs)), since }
}
