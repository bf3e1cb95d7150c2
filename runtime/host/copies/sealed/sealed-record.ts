import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { TerminalError } from '../../../errors.ts'
import { writeSynced } from '../../write-synced.ts'
import { makeSealedFolder, sealedFolderName } from './chunk-secret.ts'

const entries = z.lazy(() =>
  z.array(
    z.strictObject({
      /** Of the sealed file, by which a vault knows it. */
      sha256: z.string(),
      sizeBytes: z.int(),
      /** The SHA-256 of the archive that is in it. */
      of: z.string(),
      /** The fingerprint of `recipientsIn`. */
      recipients: z.string(),
    }),
  ),
)
/** Which archive is in a sealed file: nobody can tell from the file. */
export type SealedEntry = z.output<typeof entries>[number]

/**
 * What was sealed for a place, the oldest first; nothing where the record is lost. @param place The name of the copy.
 * @throws {TerminalError} The record is there and cannot be read: it must not be written anew without what is in it.
 */
export function sealedFor(state: string, place: string): SealedEntry[] {
  const file = fileOf(state, place)
  try {
    return entries.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    const isLost = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (isLost || error instanceof SyntaxError || error instanceof z.ZodError) return []
    throw new TerminalError(`the record of encrypted copies cannot be read: ${(error as Error).message}`, {
      hint: `look at ${file} and its disk`,
      cause: error,
    })
  }
}

/** Puts on record what was sealed for a place, in place of all that was. All or nothing. */
export function recordSealed(state: string, place: string, sealed: readonly SealedEntry[]): void {
  makeSealedFolder(state)
  const file = fileOf(state, place)
  writeSynced(`${file}.new`, 'w', 0o600, Buffer.from(JSON.stringify(sealed)))
  renameSync(`${file}.new`, file)
}

function fileOf(state: string, place: string): string {
  return join(state, sealedFolderName, `${place}.json`)
}
