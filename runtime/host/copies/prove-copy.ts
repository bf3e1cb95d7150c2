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
import { noteArchive, noteDamage, noteGood, readLedger } from '../proof/ledger.ts'
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
  as: 'sent' | 'linked' | 'stands' | 'again'
}

/** What was read so lately is not read again. */
const freshMs = 7 * 86_400_000

/** Whether it is too long ago that a copy was read, or in the future: then the clock was wrong. In milliseconds since the epoch. */
export function isStale(readAt: number, now: number): boolean {
  return readAt > now || now - readAt > freshMs
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
 * its place is removed, and what stands in its place is marked as damaged. A further name of a copy that was read lately is
 * not read.
 * @returns Its file; undefined where it is not what was recorded.
 */
export async function proveCopy(proving: Proving, tools: Tools): Promise<string | undefined> {
  const { to, source, copy, sizeBytes, sha256, as } = proving
  using shelf = new Shelf(to)
  const stands = as === 'stands' || as === 'again'
  const path = stands ? copy : partName(copy, sha256)
  const found = await archiveFile(shelf.at(path))
  if (!found) return undefined
  const isKnown = as === 'linked' && wasRead(found.file)
  const isGood = found.sizeBytes === sizeBytes && (isKnown || (await digest()) === sha256)
  const at = isoOf(tools.now())
  if (!isGood) {
    const reason = `it ${as === 'stands' ? 'is not the archive of that night' : 'does not read back as it was written'}`
    if (as !== 'sent') noteDamage(to.path, source, found.file, { at, reason })
    if (!stands) await rm(shelf.at(path), { force: true })
    return undefined
  }
  const proof = { file: found.file, sizeBytes, sha256, provenAt: at }
  if (!stands) {
    // Noted first: what stands there without a note would be read again.
    if (as === 'sent') noteArchive(to.path, source, proof)
    // rename(2) leaves both where they are names of one file.
    if (isSameFile(found, await archiveFile(shelf.at(copy)))) await rm(shelf.at(path), { force: true })
    else await rename(shelf.at(path), shelf.at(copy))
    shelf.day(shelf.folderOf(copy))?.sync()
  }
  if (isKnown) return found.file
  const standing = await standingArchives(to, source)
  noteGood(
    to.path,
    source,
    proof,
    standing.map(({ file }) => file),
  )
  return found.file

  function wasRead(file: string): boolean {
    const proof = readLedger(to.path, source).archives.find((one) => one.file === file)
    return proof !== undefined && !isStale(Date.parse(proof.provenAt), tools.now())
  }

  /** @returns undefined where its disk has lost it. */
  async function digest(): Promise<string | undefined> {
    const { runner, signal, onProgress } = tools
    const onRead = meter(sizeBytes, onProgress)
    try {
      return await digestOnDisk(path, { at: shelf.at(path), runner, signal, onRead })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      return undefined
    }
  }
}
