import { type FileSystem, sourceSynced } from '../../../events/index.ts'
import type { Source } from '../../config/config.ts'
import type { Context } from '../function.ts'
import { isMoved, lastFileSystem, type Release } from '../holds/release.ts'
import type { Stopped } from './permit.ts'

/** Where a directory lay at its last good copy, and where it lies now, if that is another file system. */
export function movedFrom(
  { name }: Source,
  is: FileSystem | undefined,
  release: Release | undefined,
  { events, log }: Context,
): Stopped['fileSystem'] {
  if (!is) return undefined
  const was = lastFileSystem(events.newest([sourceSynced], name))
  if (!was) return undefined
  if (isMoved(was, is, release)) return { was, is }
  if (was.id === is.id && was.inode !== is.inode)
    log.info(`${name} is another folder than at its last good copy`)
  return undefined
}
