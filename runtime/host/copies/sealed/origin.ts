import { TerminalError } from '../../../errors.ts'
import type { Origin } from './layout.ts'

/**
 * Compares what a sealed copy says of itself with what a vault says of it.
 * @returns What is to be told: the copy is of an earlier night than the vault names it for, which an unchanged night is too.
 * @throws {TerminalError} It is of another source or host, or of a later night.
 */
export function proveOrigin(found: Origin, claimed: Origin): string | undefined {
  const { source, at, user } = found
  if (source !== claimed.source)
    throw otherThanClaimed(`it is of source ${source}, and the vault names it for ${claimed.source}`)
  if (user !== claimed.user)
    throw otherThanClaimed(
      `it was sent as ${user}, and is read as ${claimed.user}: each host has a user of its own`,
    )
  const apartMs = Date.parse(claimed.at) - Date.parse(at)
  // Whatever is no moment is refused too.
  if (!(apartMs >= 0))
    throw otherThanClaimed(
      `it was encrypted on ${at}, and the vault names it for ${claimed.at}, which is earlier`,
    )
  if (apartMs === 0) return undefined
  return `the copy says that it is of ${at}; the vault names it for ${claimed.at}. If ${source} did not change in between, that is right`
}

function otherThanClaimed(why: string): TerminalError {
  return new TerminalError(`this copy is another one than the vault says: ${why}`)
}
