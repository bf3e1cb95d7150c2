import { rename, rm } from 'node:fs/promises'
import type { Target } from '../../config/config.ts'
import { isoOf } from '../../instant.ts'
import type { Progress } from '../../progress.ts'
import { archiveFile, isSameFile } from '../archive/archive-file.ts'
import { digestOnDisk } from '../archive/disk-read.ts'
import { standingArchives } from '../archive/kept.ts'
import { meter } from '../archive/meter.ts'
import { Shelf } from '../archive/shelf.ts'
import type { CommandRunner } from '../command/command.ts'
import { noteArchive, noteDamage, noteGood } from '../proof/ledger.ts'
import { partName } from './parts.ts'

/** A copy to be read back from its disk. */
export interface Proving {
  to: Target
  source: string
  /** Where it stands, or will stand. */
  copy: string
  sizeBytes: number
  sha256: string
  /** See the event `copy.prove`. */
  as: 'sent' | 'linked' | 'stands'
}

interface Tools {
  runner: CommandRunner
  signal: AbortSignal
  /** Milliseconds since the epoch. */
  now: () => number
  onProgress: (progress: Progress) => void
}

/**
 * Reads a copy back from its disk. If it is what was recorded, it is noted, and put in its place; if not, what lies beside
 * its place is removed, and what stands in its place is marked as damaged.
 * @returns Its file; undefined where it is not what was recorded.
 */
export async function proveCopy(proving: Proving, tools: Tools): Promise<string | undefined> {
  const { to, source, copy, sizeBytes, sha256, as } = proving
  using shelf = new Shelf(to)
  const path = as === 'stands' ? copy : partName(copy, sha256)
  const found = await archiveFile(shelf.at(path))
  if (!found) return undefined
  const isGood = found.sizeBytes === sizeBytes && (as === 'linked' || (await digest()) === sha256)
  const at = isoOf(tools.now())
  if (!isGood) {
    if (as === 'stands')
      noteDamage(to.path, source, found.file, { at, reason: 'it is not the archive of that night' })
    else await rm(shelf.at(path), { force: true })
    return undefined
  }
  const proof = { file: found.file, sizeBytes, sha256, provenAt: at }
  if (as !== 'stands') {
    // Noted first: what stands there without a note would be read again.
    if (as === 'sent') noteArchive(to.path, source, proof)
    // rename(2) leaves both where they are names of one file.
    if (isSameFile(found, await archiveFile(shelf.at(copy)))) await rm(shelf.at(path), { force: true })
    else await rename(shelf.at(path), shelf.at(copy))
    shelf.day(shelf.folderOf(copy))?.sync()
  }
  if (as === 'linked') return found.file
  const standing = await standingArchives(to, source)
  noteGood(
    to.path,
    source,
    proof,
    standing.map(({ file }) => file),
  )
  return found.file

  function digest(): Promise<string> {
    const { runner, signal, onProgress } = tools
    const onRead = meter(sizeBytes, onProgress)
    return digestOnDisk(path, { at: shelf.at(path), runner, signal, onRead })
  }
}
