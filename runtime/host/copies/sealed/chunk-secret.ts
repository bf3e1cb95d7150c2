import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { TerminalError } from '../../../errors.ts'
import { syncPath } from '../../archive/archive-file.ts'
import { writeSynced } from '../../write-synced.ts'

const secretBytes = 32

/**
 * The secret that keys of chunks are made of; it is made where there is none. Without the earlier one everything is sent anew
 * once. Whoever has it and reads a vault can try whether a chunk is what they guess.
 * @param folder For its owner alone; see `makeSealedFolder`.
 */
export async function chunkSecret(folder: string): Promise<Buffer> {
  const file = join(folder, 'secret')
  const known = read(file)
  if (known) return known
  const beside = `${file}.${process.pid}`
  rmSync(beside, { force: true })
  writeSynced(beside, 'wx', 0o600, randomBytes(secretBytes))
  try {
    // Another process may have been quicker: its secret counts.
    linkSync(beside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(beside, { force: true })
  }
  await syncPath(folder)
  const made = read(file)
  if (made) return made
  throw new TerminalError(`${file} is gone`)
}

/** Where the state directory has what is about sealed copies. */
export const sealedFolderName = 'sealed'

/** Makes that folder, where it is not there, for its owner alone. */
export function makeSealedFolder(state: string): string {
  const folder = join(state, sealedFolderName)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

function read(file: string): Buffer | undefined {
  try {
    const secret = readFileSync(file)
    if (secret.length === secretBytes) return secret
    throw new TerminalError(`${file} is damaged: it has ${secret.length} of ${secretBytes} bytes`, {
      hint: `rm ${file}: everything is sent anew once`,
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
