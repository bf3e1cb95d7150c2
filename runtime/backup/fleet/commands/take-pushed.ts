import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../../config/config.ts'
import { type KeptPushed, pushedFile, readPushed } from '../../../config/pushed/file.ts'
import { flawsOf, ownSettings, type PushedSet, pushRequest } from '../../../config/pushed/merge.ts'
import { UsageError } from '../../../errors.ts'
import { syncFolder, writeSynced } from '../../../host/write-synced.ts'
import { isoOf } from '../../../instant.ts'

/** A message of the hub is shown in a line or two. */
const mostFlawsTold = 10

/**
 * Keeps what the hub sets, in place of what it has set before; all of it or nothing. Safe to repeat with the same.
 * @param config Of this host: what would make it less safe is refused.
 * @returns Whether something else is set than before.
 * @throws {UsageError} It is refused, in words that the hub gets; nothing has changed.
 */
export function takePushed(request: unknown, config: Config, now: number): boolean {
  const asked = pushRequest.safeParse(request).data
  if (!asked) throw new UsageError('it sets nothing that a hub can set')
  const { number, set } = asked
  const found = readPushed(config.state)
  const known = found === 'odd' ? undefined : found
  const isSame = known !== undefined && textOf(known.set) === textOf(set)
  if (isSame && known.number === number) return false
  if (known && known.number >= number)
    throw new UsageError(`it is number ${number}: ${known.number} of ${known.at} came after it`)
  const flaws = flawsOf(set, ownSettings(config))
  if (flaws.length > 0) {
    const more = flaws.length > mostFlawsTold ? [`${flaws.length - mostFlawsTold} more`] : []
    throw new UsageError([...flaws.slice(0, mostFlawsTold), ...more].join('; '))
  }
  // Also where it is the same: what was asked for before does not come after it.
  write(config.state, { number, set, at: isoOf(now) })
  return !isSame
}

/** In whatever order it is set. */
function textOf(set: PushedSet): string {
  return JSON.stringify(set.map(({ key, value }) => [key, value]).sort())
}

/** Once it has returned it is on the disk: the hub is told that it is in force. */
function write(state: string, kept: KeptPushed): void {
  const path = join(state, pushedFile)
  const beside = `${path}.new`
  rmSync(beside, { force: true })
  writeSynced(beside, 'wx', 0o600, Buffer.from(`${JSON.stringify(kept)}\n`))
  renameSync(beside, path)
  syncFolder(state)
}
