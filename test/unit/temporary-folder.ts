import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { onTestFinished } from 'vitest'

/**
 * Makes an empty folder that is removed when the test has ended. A program that a killed hdsync has left may still write
 * into it for a moment: the removal is tried again.
 */
export function temporaryFolder(parent: string = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'hdsync-test-'))
  onTestFinished(() => {
    unmountViews(folder)
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })
  return folder
}

/** A killed hdsync leaves the directories mounted that rsync was reading: its next run unmounts them, but a test has none. */
function unmountViews(folder: string): void {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [, , , root = '', at = ''] = line.split(' ')
    if (root.includes(`/${basename(folder)}/`) && at.startsWith('/run/hdsync/')) spawnSync('umount', [at])
  }
}
