import { existsSync } from 'node:fs'
import { sourceSynced } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { UsageError } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { fileSystemOf } from '../../host/mount/file-system-of.ts'
import { fileSystemText } from '../../why-held.ts'
import { isMoved, lastFileSystem } from '../holds/release.ts'
import type { ReadRecord } from './known-points.ts'

/**
 * Proves that the folder of a source lies where it lay at its last sync: a mount point on which nothing is mounted is not
 * restored into. What the record does not tell is not refused.
 * @throws {UsageError} It lies on another file system.
 */
export async function proveMounted(
  name: string,
  config: Config,
  runner: CommandRunner,
  read: ReadRecord,
): Promise<void> {
  const source = config.sources[name]
  if (source?.kind !== 'path' || !existsSync(source.path)) return
  const was = read(({ bus }) => {
    const search = { types: [sourceSynced.type], subject: name, newestFirst: true, limit: 1 }
    return lastFileSystem(bus.events(search)[0])
  })
  const is = was && (await fileSystemOf(runner, source.path))
  if (!was || !is || !isMoved(was, is, undefined)) return
  throw new UsageError(
    `${source.path} lies on ${fileSystemText(is)}, and lay on ${fileSystemText(was)} at its last sync: is something not mounted?`,
    { hint: `mount it; if this is the right place, as on a new disk, name it: --to ${source.path}` },
  )
}
