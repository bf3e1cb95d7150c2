import { unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { isRemoved, isTemporary, unprovenPath } from '../archive/archive-place.ts'
import { isNight } from '../archive/kept.ts'
import { keptFolder, Shelf } from '../archive/shelf.ts'

/** What a copy is called until it is proven: by the archive, so that no other one is mistaken for it. */
export function partName(copy: string, sha256: string): string {
  return unprovenPath(join(dirname(copy), `${basename(copy)}.${sha256.slice(0, 16)}`))
}

/**
 * Removes what copies that were cut off have left on a target, and folders of nights that are empty.
 * @param keep The paths of those that will be gone on with.
 */
export async function tidyParts(target: Target, keep: ReadonlySet<string>): Promise<void> {
  using shelf = new Shelf(target)
  for (const night of shelf.day(keptFolder)?.names().filter(isNight) ?? []) {
    const folder = `${keptFolder}/${night}`
    for (const name of shelf.day(folder)?.names() ?? []) {
      const path = join(target.path, folder, name)
      if ((isTemporary(name) && !keep.has(path)) || isRemoved(name)) await unlink(shelf.at(path))
    }
    shelf.removeEmpty(folder)
  }
}
