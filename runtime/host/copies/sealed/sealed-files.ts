import type { Target } from '../../../config/config.ts'
import { type ArchiveFile, archiveFile } from '../../archive/archive-file.ts'
import { Shelf } from '../../archive/shelf.ts'
import type { Folder } from '../../target/safe-open.ts'

// Sealed files lie in a folder of the target of the archives until a vault has them: `PLACE.ARCHIVE.RECIPIENTS.SHA256`, and while
// they are written `PLACE.ARCHIVE.part` and `PLACE.ARCHIVE.list`. ARCHIVE is the SHA-256 of the archive.

/** In the folder of the target. */
export const sealedFolder = '.hdsync-sealed'
const name =
  /^(?<place>.+)\.(?<archive>[0-9a-f]{64})\.(?:(?<recipients>[0-9a-f]{16})\.(?<sha256>[0-9a-f]{64})|part|list)$/

interface Wanted {
  /** The name of the copy. */
  place: string
  /** The SHA-256 of the archive. */
  archive: string
}

interface WantedWhole extends Wanted {
  /** The fingerprint of `recipientsIn`. */
  recipients: string
}

/** The folder, which is made where it is not there. */
export function sealedShelf(shelf: Shelf): Folder {
  return shelf.make(sealedFolder)
}

export function partName({ place, archive }: Wanted): string {
  return `${place}.${archive}.part`
}

export function listName({ place, archive }: Wanted): string {
  return `${place}.${archive}.list`
}

/** @param known The sealed file. */
export function sealedName({ place, archive, recipients }: WantedWhole, known: { sha256: string }): string {
  return `${place}.${archive}.${recipients}.${known.sha256}`
}

/** A sealed file that lies there, to be sent. */
export interface SealedThere extends Pick<ArchiveFile, 'file' | 'sizeBytes'> {
  path: string
  /** Of the sealed file. */
  sha256: string
}

/** Finds what was sealed of an archive, and is not in the vault yet. */
export async function sealedThere(
  from: Target,
  { place, archive, recipients }: WantedWhole,
): Promise<SealedThere | undefined> {
  using shelf = new Shelf(from)
  const folder = shelf.day(sealedFolder)
  for (const found of folder?.names() ?? []) {
    const parts = name.exec(found)?.groups
    if (parts?.place !== place || parts.archive !== archive || parts.recipients !== recipients) continue
    const path = `${from.path}/${sealedFolder}/${found}`
    const there = await archiveFile(shelf.at(path))
    if (there && parts.sha256)
      return { path, file: there.file, sizeBytes: there.sizeBytes, sha256: parts.sha256 }
  }
  return undefined
}

/** Removes what was sealed, and will not be sent. @param keep Asked of each file; of one that was not finished with no recipients. */
export function tidySealed(
  from: Target,
  keep: (found: Wanted & { recipients: string | undefined }) => boolean,
): void {
  using shelf = new Shelf(from)
  const folder = shelf.day(sealedFolder)
  if (!folder) return
  for (const found of folder.names()) {
    const { place = '', archive = '', recipients } = name.exec(found)?.groups ?? {}
    if (!keep({ place, archive, recipients })) folder.remove(found)
  }
  shelf.removeEmpty(sealedFolder)
}
