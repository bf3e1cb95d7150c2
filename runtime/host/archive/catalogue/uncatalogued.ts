import { accessSync, constants } from 'node:fs'
import { join, relative } from 'node:path'
import type { Catalogue } from './catalogue.ts'
import { copyFolder } from './catalogue-copy.ts'
import { catalogueFolder } from './catalogue-file.ts'
import { openCopy } from './copy-reader.ts'
import { openArchive } from './from-archives.ts'
import { openCatalogue, seqOf } from './quick-reader.ts'

/** An archive that stands on a disk, or stood there when it was last mounted. */
interface Standing {
  path: string
  /** As `archiveFile` tells it. */
  file: string
}

/**
 * The archives of a source that the catalogue beside them does not know: what is in them is told by reading them whole.
 * @param root The folder of their target, whose disk is mounted.
 * @returns Their paths; none where this user may not look into the catalogue.
 */
export async function uncatalogued<A extends Standing>(
  root: string,
  source: string,
  archives: readonly A[],
): Promise<A[]> {
  if (!mayRead(join(root, catalogueFolder))) return []
  using catalogue = openCatalogue(root, source)
  const unknown: A[] = []
  for (const archive of archives)
    if (!catalogue || !(await isKnown(catalogue, root, archive))) unknown.push(archive)
  return unknown
}

/**
 * As `uncatalogued`, of a target whose disk is not mounted: by the copy of the catalogue in the state directory.
 * @param archives Those that nights have put in their places, as they are on record.
 */
export function uncataloguedInCopy<A extends Standing>(
  target: { name: string; stateDirectory: string },
  source: string,
  archives: readonly A[],
): A[] {
  if (!mayRead(copyFolder(target.stateDirectory, target.name))) return []
  using catalogue = openCopy(target, source)
  const files = new Set(catalogue?.points().map(({ file }) => file))
  return archives.filter(({ file }) => !files.has(file))
}

async function isKnown(catalogue: Catalogue, root: string, { path, file }: Standing): Promise<boolean> {
  if (catalogue.points().some((point) => point.file === file)) return true
  try {
    await using archive = await openArchive(root, relative(root, path))
    return (await seqOf(catalogue, archive)) !== undefined
  } catch {
    // Whoever reads it says what is wrong.
    return true
  }
}

/** What is not there is said to be missing; what another user has closed cannot be told of. */
function mayRead(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES'
  }
}
