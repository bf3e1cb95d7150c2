import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isWithin } from '../../config/left-out.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { readMounts } from '../mount/mountinfo.ts'
import { realPath } from '../mount/real-path.ts'

/** What the folders of drills are called in the scratch folder; what else lies there is never touched. */
const prefix = 'hdsync-drill-'

const removingMs = 24 * 3_600_000

/** The folder that a source is restored into. */
export function scratchFolder(scratch: string, run: string, source: string): string {
  return join(scratch, `${prefix}${run}`, source)
}

/**
 * Makes the folder of a drill. Safe to repeat.
 * @param isShared Whether other users may get to what lies in it, as a database does that a function starts: they have to
 *   know its name, and what they may read there is as in the source.
 * @returns The folder for the source, which is not made yet.
 */
export function makeScratch(scratch: string, run: string, source: string, isShared: boolean): string {
  mkdirSync(scratch, { recursive: true, mode: 0o711 })
  const folder = join(scratch, `${prefix}${run}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, isShared ? 0o711 : 0o700)
  return scratchFolder(scratch, run, source)
}

/**
 * Removes the folders of drills: that of one run, or all there are. Safe to repeat.
 * @throws {TerminalError} Something is mounted in one.
 */
export async function removeScratch(scratch: string, runner: CommandRunner, run?: string): Promise<void> {
  for (const name of run === undefined ? namesIn(scratch) : [`${prefix}${run}`]) {
    const folder = realPath(join(scratch, name))
    const mounted = readMounts().find(({ at }) => isWithin(at, folder))
    if (mounted) {
      throw new TerminalError(`${mounted.source} is mounted at ${mounted.at}: ${folder} is not removed`, {
        hint: `umount ${mounted.at}; the next drill removes it`,
      })
    }
    // Unlike what Node does, rm(1) holds each folder open: nobody can put a link in the place of one meanwhile.
    const argv = ['rm', '--recursive', '--force', '--one-file-system', '--', folder] as const
    await runner.run({ argv, timeoutMs: removingMs })
  }
}

function namesIn(scratch: string): string[] {
  try {
    return readdirSync(scratch).filter((name) => name.startsWith(prefix))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new TerminalError(`cannot look into ${scratch}: ${(error as Error).message}`)
  }
}
