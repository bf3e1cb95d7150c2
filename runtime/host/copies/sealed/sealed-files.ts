import type { Target } from '../../../config/config.ts'
import { type ArchiveFile, archiveFile } from '../../archive/archive-file.ts'
import { Shelf } from '../../archive/shelf.ts'
import type { Folder } from '../../target/safe-open.ts'

// Sealed files lie in a folder of the target of the archives until a vault has them: `PLACE.ARCHIVE.RECIPIENTS.SHA256`, and while
// they are written `PLACE.ARCHIVE.part` and `PLACE.ARCHIVE.list`. ARCHIVE is the SHA-256 of the archive.

const folderName = '.hdsync-sealed'
const name =
  /^(?<place>.+)\.(?<archive>[0-9a-f]{64})\.(?:(?<recipients>[0-9a-f]{16})\.(?<sha256>[0-9a-f]{64})|part|list)$/

interface Wanted {
  place: string
  /** Of the archive. */
  sha256: string
}

/** The folder, which is made where it is not there. */
export function sealedShelf(shelf: Shelf): Folder {
  return shelf.make(folderName)
}

export function partName({ place, sha256 }: Wanted): string {
  return `${place}.${sha256}.part`
}

export function listName({ place, sha256 }: Wanted): string {
  return `${place}.${sha256}.list`
}

/** @param known The sealed file. */
export function sealedName(
  { place, sha256, recipients }: Wanted & { recipients: string },
  known: { sha256: string },
): string {
  return `${place}.${sha256}.${recipients}.${known.sha256}`
}

/** A sealed file that lies there, to be sent. */
export interface SealedThere extends Pick<ArchiveFile, 'file' | 'sizeBytes'> {
  path: string
  sha256: string
}

/** Finds what was sealed of an archive, and is not in the vault yet. */
export async function sealedThere(
  from: Target,
  { place, sha256, recipients }: Wanted & { recipients: string },
): Promise<SealedThere | undefined> {
  using shelf = new Shelf(from)
  const folder = shelf.day(folderName)
  for (const found of folder?.names() ?? []) {
    const parts = name.exec(found)?.groups
    if (parts?.place !== place || parts.archive !== sha256 || parts.recipients !== recipients) continue
    const path = `${from.path}/${folderName}/${found}`
    const there = await archiveFile(shelf.at(path))
    if (there && parts.sha256)
      return { path, file: there.file, sizeBytes: there.sizeBytes, sha256: parts.sha256 }
  }
  return undefined
}

/** Removes what was sealed, and will not be sent. @param keep Asked with the place and the SHA-256 of the archive. */
export function tidySealed(from: Target, keep: (wanted: Wanted) => boolean): void {
  using shelf = new Shelf(from)
  const folder = shelf.day(folderName)
  if (!folder) return
  for (const found of folder.names()) {
    const { place = '', archive = '' } = name.exec(found)?.groups ?? {}
    if (!keep({ place, sha256: archive })) folder.remove(found)
  }
  shelf.removeEmpty(folderName)
}
