import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished, type TestContext } from 'vitest'
import { temporaryFolder } from '../unit/temporary-folder.ts'

/**
 * Mounts an empty disk of so many KiB, in memory. It is gone when the test has ended; the test is skipped where
 * nothing can be mounted.
 */
export function smallDisk({ skip }: TestContext, sizeKib: number): string {
  const disk = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'hdsync-test', disk], { stdio: 'pipe' })
  } catch (error) {
    skip(`a small disk has to be mounted, which needs root: ${(error as Error).message}`)
  }
  // What a test that failed has left open does not keep it.
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', disk])
  })
  return disk
}

/** Takes the room on a disk, but for so many bytes. @returns Gives it back. */
export function takeRoom(disk: string, left = 0): () => void {
  const { bavail, bsize } = statfsSync(disk)
  const file = join(disk, 'ballast')
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - left), 1))
  return () => rmSync(file)
}
