import { TerminalError } from '../../errors.ts'
import { quickReader } from '../archive/catalogue/quick-reader.ts'
import type { CommandRunner } from '../command/command.ts'
import { archiveReader } from './archive-reader.ts'
import type { PointReader } from './entry.ts'
import { compressionOf, placeOnDisk } from './find-points.ts'
import { mirrorReader } from './mirror-reader.ts'
import type { RestorePoint } from './restore-point.ts'

/**
 * The reader of a restore point, whose disk is mounted.
 * @param onSlow Told when an archive is read from its beginning, as no catalogue knows it.
 * @throws {TerminalError} It is of no form that is known.
 */
export function readerOf(
  { kind, path, source }: RestorePoint,
  runner: CommandRunner,
  onSlow?: () => void,
): PointReader {
  if (kind === 'mirror') return mirrorReader(path, runner)
  const compression = compressionOf({ kind, path })
  if (!compression) throw new TerminalError(`${path} is no archive of hdsync`)
  const slow = archiveReader({ path, source, compression }, runner)
  // Where copies lie there is no catalogue.
  if (kind === 'copy') return slow
  return quickReader({ source, ...placeOnDisk({ kind, path }), compression }, slow, runner, onSlow)
}
