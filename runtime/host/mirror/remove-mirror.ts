import { lstatSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isWithin } from '../../config/left-out.ts'
import { TerminalError } from '../../errors.ts'
import { readMounts } from '../mount/mountinfo.ts'
import { realPath } from '../mount/real-path.ts'
import { Folder } from '../target/safe-open.ts'

/** What a mirror is called that is about to be removed. */
const removedName = (source: string) => `.${source}.hdsync-gone`

/** How much lies in a folder, without what its links lead to. */
export function sizeOfFolder(path: string): { files: number; bytes: number } {
  let [files, bytes] = [0, 0]
  const look = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const inner = join(folder, entry.name)
      files += 1
      if (entry.isDirectory()) look(inner)
      else bytes += lstatSync(inner, { throwIfNoEntry: false })?.size ?? 0
    }
  }
  look(path)
  return { files, bytes }
}

/**
 * Removes the mirror of a source: renamed first, and then deleted; no link in it is followed. Safe to repeat.
 * @param target The path of its target.
 * @throws {TerminalError} Something is mounted in it, or it cannot be removed.
 */
export async function removeMirror(target: string, source: string): Promise<void> {
  using folder = Folder.existing(target)
  const path = realPath(join(target, source))
  const mounted = readMounts().find(({ at }) => isWithin(at, path))
  if (mounted) {
    throw new TerminalError(`${mounted.source} is mounted at ${mounted.at}: the mirror of ${source} stays`, {
      hint: `umount ${mounted.at}, or empty that disk by other means`,
    })
  }
  const gone = removedName(source)
  if (folder.look(source)) {
    if (folder.look(gone)) await rm(folder.name(gone), { recursive: true, force: true })
    folder.rename(source, gone)
  }
  await rm(folder.name(gone), { recursive: true, force: true })
}
