import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Machine } from './machine.ts'

/**
 * Keeps the file systems mounted at these folders busy (in the folder `busy` of each) so that snapshots
 * have a journal to replay. Returns what stops it.
 */
export async function writeLoad(machine: Machine, ...folders: string[]): Promise<() => Promise<void>> {
  const name = `write-load-${Date.now()}`
  await copyFile(join(import.meta.dirname, 'write-load'), join(machine.dir, name))
  const load = await machine.start(`exec /run/lab/${name} ${folders.join(' ')}`)
  while (!(await load.output()).stdout) await pause(20)
  return async () => {
    // Cutting the power stops it as well.
    await load.kill().catch(() => {})
    await load.wait().catch(() => {})
  }
}
