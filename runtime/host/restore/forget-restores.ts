import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandRunner } from '../command/command.ts'
import { OpenFolder } from '../points/open-folder.ts'
import { setTime, timeOf } from './time.ts'
import { undoFolderName } from './undo-folder.ts'

/**
 * Removes what restores into a folder keep to be taken back. The folder keeps its time. For a folder that was empty before.
 * Safe to repeat.
 */
export async function forgetRestores(folder: string, runner: CommandRunner): Promise<void> {
  if (!existsSync(join(folder, undoFolderName))) return
  using top = OpenFolder.toWrite(folder)
  const time = timeOf(top)
  rmSync(top.at(Buffer.from(undoFolderName)), { recursive: true })
  await setTime(top, time, runner)
}
