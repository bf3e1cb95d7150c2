import { Folder } from '../../target/safe-open.ts'
import { copyFolder } from './catalogue-copy.ts'
import { catalogueFolder, catalogueName } from './catalogue-file.ts'
import type { Archived } from './from-archives.ts'

/** Removes the catalogue of a source from the disk of its archives, and its copy. Safe to repeat. */
export function forgetCatalogue({ target, source }: Archived, stateDirectory: string): void {
  using disk = Folder.at(target.path)
  using folder = disk?.folder(catalogueFolder)
  using copies = Folder.at(copyFolder(stateDirectory, target.name))
  for (const name of [`${catalogueName(source)}-journal`, catalogueName(source)]) {
    folder?.remove(name)
    copies?.remove(name)
  }
}
