import { holdLock } from '../../core/bus/sqlite/database.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { BusyError } from '../../errors.ts'
import { rescueRoot } from './making.ts'

/**
 * Makes this process the only one on this machine that rebuilds: all of them mount in the same place, whatever their backups.
 * @returns What ends that; so does the end of the process.
 * @throws {BusyError} Another one is at it.
 * @throws {UsageError} The folder cannot be written to.
 */
export function holdRescue(folder = '/run/hdsync/rescue'): Disposable {
  const release = holdLock(folder)
  if (release) return { [Symbol.dispose]: release }
  const holder = lockHolder(folder)
  throw new BusyError(
    `another hdsync${holder === undefined ? '' : ` (process ${holder})`} rebuilds a machine in ${rescueRoot}: nothing was changed`,
    { hint: 'wait for its end; the same command then goes on where that one came to' },
  )
}
