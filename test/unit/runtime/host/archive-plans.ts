import { createHash } from 'node:crypto'
import { constants, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type ArchivePlan, archivePath } from '../../../../runtime/host/archive/archive-place.ts'
import { createArchives } from '../../../../runtime/host/archive/archives.ts'
import type { CommandRunner } from '../../../../runtime/host/command/command.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { recordingRunner } from './runner.ts'

export const target = (name: string, path: string) => ({ name, path, mounts: [], parallel: 1 })

/** A mirror with something in it, and where its archive goes. */
export function prepare(options: Partial<ArchivePlan> = {}): ArchivePlan {
  const folder = temporaryFolder()
  const from = target('hdd1', join(folder, 'hdd1'))
  const to = target('hdd9', join(folder, 'hdd9'))
  mkdirSync(join(from.path, 'var', 'sub'), { recursive: true })
  mkdirSync(to.path)
  writeFileSync(join(from.path, 'var', 'sub', 'file'), 'content', { mode: 0o640 })
  return { from, source: 'var', to, weekday: 'Thursday', compression: 'zstd', level: 3, ...options }
}

/** Puts last week's archive in its place. */
export function lastWeek(plan: ArchivePlan): string {
  const path = archivePath(plan)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, 'last week')
  return path
}

const never = new AbortController().signal
const boots = { current: 'boot', inOrderSince: () => true }
export const stateOf = (plan: ArchivePlan) => join(dirname(plan.to.path), 'state')
export const indexesOf = (plan: ArchivePlan) => join(stateOf(plan), 'archives')
export const open = (plan: ArchivePlan, runner = recordingRunner().runner, signal = never) =>
  createArchives({ runner, signal, boots, stateDirectory: stateOf(plan) })
export const write = async (plan: ArchivePlan, runner?: CommandRunner, proveAgain?: () => Promise<void>) =>
  (await open(plan, runner).write(plan, () => {}, proveAgain)).archive

export function sha256sum(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Changes one bit. */
export function flip(path: string): void {
  const bytes = readFileSync(path)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

/** Whether the file system of a folder can let two files share their blocks. */
export function sharesBlocks(folder: string): boolean {
  const [one, two] = [join(folder, '.one'), join(folder, '.two')]
  writeFileSync(one, 'one')
  try {
    copyFileSync(one, two, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch {
    return false
  } finally {
    for (const file of [one, two]) rmSync(file, { force: true })
  }
}
