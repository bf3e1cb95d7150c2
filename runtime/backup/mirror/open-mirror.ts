import type { Source, Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { Mirror } from '../../host/mirror/mirrors.ts'

/**
 * Opens the mirror that a source is to be copied to.
 * @param from Where the source is read.
 * @throws {TerminalError} The source is empty and its mirror is not: rsync would delete everything, and call it a success.
 */
export async function openMirror(
  { mirrors }: Pick<Host, 'mirrors'>,
  target: Target,
  source: Source,
  from: string,
): Promise<{ mirror: Mirror; sourceIsEmpty: boolean }> {
  const sourceIsEmpty = mirrors.isEmpty(from)
  const mirror = await mirrors.open(target, source)
  if (sourceIsEmpty && !mirror.empty) {
    throw new TerminalError(`${source.name} is empty but its mirror ${mirror.path} is not: not synced`, {
      hint: 'if that is meant to be, empty the mirror by hand',
    })
  }
  return { mirror, sourceIsEmpty }
}
