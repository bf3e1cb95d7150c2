import type { HostFolder } from '../../host/vault/host-folder.ts'
import type { RecordedCopy } from '../../host/vault/record.ts'

/** The name of a copy in the folder of its source. @param file As `SOURCE/NAME`. */
export function nameIn(file: string): string {
  return file.slice(file.indexOf('/') + 1)
}

/** Copies by the file that they are names of, each under the name that came first. One that is not there is by itself. */
export function byFile(folder: HostFolder, copies: readonly RecordedCopy[]): RecordedCopy[][] {
  return [...Map.groupBy(copies, (copy) => keyOf(folder, copy)).values()]
}

/** All copies that are names of the same file as this one is. */
export function namesOfOne(
  folder: HostFolder,
  copies: readonly RecordedCopy[],
  one: RecordedCopy,
): RecordedCopy[] {
  const key = keyOf(folder, one)
  return copies.filter((copy) => keyOf(folder, copy) === key)
}

/** Whether the file of a copy stands. */
export function isThere(folder: HostFolder, { file }: Pick<RecordedCopy, 'file'>): boolean {
  return folder.look(file)?.isFile() ?? false
}

function keyOf(folder: HostFolder, { file }: RecordedCopy): string {
  const inode = folder.look(file)?.ino
  return inode === undefined ? file : String(inode)
}
