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
  const kept = join(folder, undoFolderName)
  if (!existsSync(kept)) return
  using top = OpenFolder.at(folder)
  const time = timeOf(top)
  rmSync(kept, { recursive: true })
  await setTime(top, time, runner)
}
