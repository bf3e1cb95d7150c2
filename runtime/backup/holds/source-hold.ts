import { backupStart, type DataOf, sourceSynced, syncHeld, syncUnusual } from '../../../events/index.ts'
import type { Source } from '../../config/config.ts'
import type { Emit } from '../../core/function.ts'
import type { Context } from '../function.ts'
import type { Stopped } from '../mirror/permit.ts'
import { unusualHold } from '../mirror/unusual.ts'
import { findRelease, keepHold, type Release } from './release.ts'

/** What the current run may delete and change of a source beyond its limits. A release that is void is only logged. */
export function releaseFor({ name }: Source, { host, run, events, log }: Context): Release | undefined {
  const { releases = [] } = events.ofRun(backupStart, 1)[0]?.data ?? {}
  if (releases.length === 0) return undefined
  const last = events.newest([syncHeld, sourceSynced], name)
  const found = findRelease({ releases, last, lists: host.held, run: run.id })
  if (!found || !('void' in found)) return found
  log.warn(`the release of ${name} is void: ${found.void}`)
  return undefined
}

/** Keeps what a held sync would delete and change, and tells of it. */
export function tellHold(
  { name }: Source,
  stopped: Stopped,
  { host, run, log }: Context,
  emit: Emit<readonly [typeof syncHeld, typeof syncUnusual]>,
): void {
  const { held, problem } = keepHold(host.held, { run: run.id, source: name }, stopped)
  if (problem)
    log.warn(`what a copy of ${name} would do could not be kept, so its hold cannot be released: ${problem}`)
  emit(syncHeld, held)
  const unusual = unusualHold(held)
  if (unusual) emit(syncUnusual, unusual)
}

/** A success ends the hold that there was, released or not. */
export function forgetHold({ name }: Source, { events, host }: Context): void {
  const last = events.newest([syncHeld], name)
  const { hold } = (last?.data ?? {}) as Partial<DataOf<typeof syncHeld>>
  if (hold) host.held.forget(hold)
}
