import { constants, mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Folder } from '../../target/safe-open.ts'
import { bringUp, type Change, stateOf } from './bring-up.ts'
import { CatalogueFile, catalogueName } from './catalogue-file.ts'

/** The folder of the copies of a target's catalogues, for listings while its disks are not mounted. */
export function copyFolder(stateDirectory: string, target: string): string {
  return join(stateDirectory, 'catalogues', target)
}

/** Does to a copy what was done to its catalogue. @returns Whether it was equal before, and so is equal now. */
export function bringUpCopy(folder: Folder, source: string, before: string, change: Change): boolean {
  if (!folder.look(catalogueName(source))) return false
  using copy = CatalogueFile.open(folder, source)
  if (stateOf(copy.database) !== before) return false
  bringUp(copy.database, change)
  return true
}

/** Opens the folder of copies, and makes it where it is not there. */
export function openCopyFolder(stateDirectory: string, target: string): Folder {
  const path = copyFolder(stateDirectory, target)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return Folder.existing(path)
}

/** Copies a catalogue, which nobody has open. */
export async function copyCatalogue(from: Folder, to: Folder, source: string): Promise<void> {
  const name = catalogueName(source)
  const beside = `${name}.new`
  to.remove(beside)
  {
    await using original = await open(from.name(name), constants.O_RDONLY | constants.O_NOFOLLOW)
    await using copy = await to.create(beside, 0o600)
    const buffer = Buffer.alloc(1024 ** 2)
    for (let at = 0; ; ) {
      const { bytesRead } = await original.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) break
      await copy.writeFile(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  }
  to.remove(`${name}-journal`)
  to.rename(beside, name)
}
