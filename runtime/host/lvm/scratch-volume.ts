import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { tagValue } from './half-made.ts'
import { fullName, Lvm, type Volume } from './lvm.ts'

/** What marks a volume that is there for one drill. */
const drillTag = 'hdsync.drill'
const namePattern = /^hdsync_drill(\.\d+)?$/
/** Formatting writes little; a disk may have to spin up. */
const formattingMs = 600_000

/**
 * Whether a volume was made for a drill of this store, by name, tags and kind. Nothing else that has no origin and that
 * somebody may have data on is ever removed.
 */
export function isScratchVolume(volume: Volume, store: string): boolean {
  const { lv, origin, pool, tags, layout } = volume
  if (origin || pool || layout !== 'linear' || !namePattern.test(lv)) return false
  return ['hdsync', drillTag, `hdsync.store=${store}`].every((tag) => tags.includes(tag))
}

/** The run that a scratch volume was made for. */
export function runOfScratch(volume: Pick<Volume, 'tags'>): string {
  return tagValue(volume, 'hdsync.run') ?? ''
}

/**
 * Makes a volume for one drill, with an empty ext4. Its tags are there from the first moment on, so that whoever comes after
 * a kill knows it.
 * @returns The path of its device node.
 * @throws {TerminalError} The volume group has no room for it, or is not there.
 */
export async function makeScratchVolume(
  { vg, sizeBytes }: { vg: string; sizeBytes: number },
  { store, run, runner }: { store: string; run: string; runner: CommandRunner },
): Promise<string> {
  const lvm = new Lvm(runner)
  const taken = new Set((await lvm.volumes(vg)).map(({ lv }) => lv))
  const lv = freeName(taken)
  const tags = ['hdsync', drillTag, `hdsync.store=${store}`, `hdsync.run=${run}`]
  await lvm.createPlain({ vg, lv, tags, sizeBytes })
  const path = `/dev/${fullName(vg, lv)}`
  // It lives for one restore: nothing of it has to survive a crash. Mailboxes have many small files.
  const argv = ['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-i', '4096', path] as const
  await runner.run({ argv, timeoutMs: formattingMs, interruptible: false })
  return path
}

/** Somebody's own volume may have the name. */
function freeName(taken: ReadonlySet<string>): string {
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? 'hdsync_drill' : `hdsync_drill.${n}`
    if (!taken.has(name)) return name
  }
}

/**
 * Removes a scratch volume that is mounted nowhere; the caller has checked it with `isScratchVolume`. LVM checks its id and
 * its tags once more, under its lock.
 * @throws {TerminalError} It has snapshots, or LVM has left it.
 */
export async function removeScratchVolume(volume: Volume, runner: CommandRunner): Promise<void> {
  const lvm = new Lvm(runner)
  const { vg, lv, uuid, tags } = volume
  const volumes = await lvm.volumes(vg)
  const snapshot = volumes.find(({ origin }) => origin === lv)
  if (snapshot) {
    throw new TerminalError(
      `${fullName(vg, lv)} has the snapshot ${fullName(vg, snapshot.lv)}: it is not removed`,
      {
        hint: `lvremove ${fullName(vg, snapshot.lv)}; the next drill removes the other`,
      },
    )
  }
  await lvm.removeLeft({ vg, lv, uuid, tags })
  if ((await lvm.volumes(vg)).some((one) => one.uuid === uuid))
    throw new TerminalError(`${fullName(vg, lv)} is not what it was a moment ago: it is not removed`)
}
