import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config, LvSource } from '../../config/config.ts'
import type { CommandRunner } from '../command/command.ts'
import { filesystemType } from '../mount/filesystem.ts'
import { readMounts } from '../mount/mountinfo.ts'
import { deviceMapperName, fullName, type Lvm, resumeArgvs, type Volume } from './lvm.ts'
import { lvmManner } from './lvm-manner.ts'

/** lvcreate(8) wipes so much at once: no data of anybody's survives there. */
const headBytes = 4096
/** The first bytes of a snapshot's exception store. @see Linux, drivers/md/dm-snap-persistent.c */
const storeMagic = 'SnAp'
/** A healthy lvcreate(8) suspends a volume for less than that. */
const momentMs = 2000

/** The value of a tag `KEY=VALUE`. */
export function tagValue({ tags }: Pick<Volume, 'tags'>, key: string): string | undefined {
  return tags.find((tag) => tag.startsWith(`${key}=`))?.slice(key.length + 1)
}

/**
 * The source that a volume was to become a snapshot of, if all that lvcreate(8) notes down before it says what a
 * volume is a snapshot of is there: name, tags, the volume group of a source that is in the config.
 * @returns undefined for whatever else it may be: a snapshot, a thin volume, somebody's own.
 */
export function halfMadeFor(
  volume: Volume,
  store: string,
  config: Pick<Config, 'sources'>,
): LvSource | undefined {
  const { vg, lv, origin, pool, tags, layout } = volume
  const source = config.sources[tagValue(volume, 'hdsync.source') ?? '']
  if (source?.kind !== 'lv' || source.vg !== vg || source.lv === lv) return undefined
  if (origin || pool || layout !== 'linear') return undefined
  if (tagValue(volume, 'hdsync.store') !== store || !tags.includes('hdsync')) return undefined
  return new RegExp(`^hdsync_${source.name}(\\.\\d+)?$`).test(lv) ? source : undefined
}

/**
 * Whether a volume was left by a failed lvcreate(8) of this run: its id is new, and it has all the tags of this run. It has
 * no origin yet; still it may be removed, as nobody else has ever used it.
 * @param tags Of the snapshot that was to be.
 * @param before The ids of all volumes that were there before.
 */
export function isLeftOf(volume: Volume, tags: readonly string[], before: ReadonlySet<string>): boolean {
  const { uuid, origin, pool, layout } = volume
  if (uuid === '' || before.has(uuid) || origin || pool || layout !== 'linear') return false
  return tags.every((tag) => volume.tags.includes(tag))
}

/**
 * Resumes a volume that an interrupted lvcreate(8) left suspended. Safe on any other volume.
 */
export async function resume(volume: { vg: string; lv: string }, runner: CommandRunner): Promise<void> {
  for (const argv of resumeArgvs(volume)) {
    const manner = argv[0] === 'dmsetup' ? [] : lvmManner
    await runner.run({ argv, manner, timeoutMs: 60_000, interruptible: false, accept: [0, 1, 5] })
  }
}

/**
 * Resumes sources that an interrupted run left suspended: a killed lvcreate(8) of a thin snapshot leaves no other trace. A
 * healthy one of somebody else suspends a volume for a moment only.
 * @returns What was done, for people to read.
 */
export async function resumeSources(
  config: Pick<Config, 'sources'>,
  runner: CommandRunner,
): Promise<string[]> {
  const volumes = Object.values(config.sources).filter((source) => source.kind === 'lv')
  if (volumes.length === 0) return []
  const before = await suspendedDevices(runner)
  const hanging = volumes.filter((source) => before.has(deviceMapperName(source)))
  if (hanging.length === 0) return []
  await sleep(momentMs)
  const now = await suspendedDevices(runner)
  const messages: string[] = []
  for (const source of hanging.filter((one) => now.has(deviceMapperName(one)))) {
    await resume(source, runner)
    messages.push(`resumed ${fullName(source.vg, source.lv)}, left suspended by an earlier run`)
  }
  return messages
}

async function suspendedDevices(runner: CommandRunner): Promise<Set<string>> {
  const argv = [
    'dmsetup',
    'info',
    '--columns',
    '--noheadings',
    '--separator',
    ' ',
    '-o',
    'name,suspended',
  ] as const
  const { stdout } = await runner.run({ argv, timeoutMs: 30_000, interruptible: false })
  return new Set(stdout.split('\n').flatMap((line) => /^(\S+) Suspended$/.exec(line.trim())?.[1] ?? []))
}

/**
 * Removes the volume of an interrupted lvcreate(8). As nothing without an origin is ever removed, it is first made the
 * snapshot that it was to be. LVM refuses when it is in use. The caller has checked it with `halfMadeFor`, and that its run
 * is over.
 * @returns Whether it is gone; false when it may hold somebody's data, and is left as it is.
 */
export async function undoHalfMade(
  volume: Volume,
  source: LvSource,
  { lvm, runner }: { lvm: Lvm; runner: CommandRunner },
): Promise<boolean> {
  await resume(source, runner)
  if (readMounts().some(({ device }) => device === volume.device)) return false
  const seen = await isBlank(volume, runner)
  if (seen === false) return false
  await lvm.activate(volume, 'n')
  if (seen === undefined) {
    await lvm.activate(volume, 'y')
    const blank = await isBlank(volume, runner)
    await lvm.activate(volume, 'n')
    if (!blank) return false
  }
  await lvm.convert(volume, source.lv)
  const made = await lvm.volume(volume.vg, volume.lv)
  if (made.origin !== source.lv) return false
  await lvm.remove(made)
  return true
}

/**
 * Whether a volume holds nothing, or the remains of a snapshot: by its head, and by blkid(8) for what begins further in.
 * @returns undefined when it cannot be read, as it is not (wholly) active.
 */
async function isBlank({ path }: Volume, runner: CommandRunner): Promise<boolean | undefined> {
  const head = await readHead(path)
  if (!head) return undefined
  if (head.toString('latin1', 0, storeMagic.length) === storeMagic) return true
  if (head.some((byte) => byte !== 0)) return false
  return (await filesystemType(runner, path)) === undefined
}

async function readHead(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
      return bytesRead === headBytes ? buffer : undefined
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

/** For messages. */
export function halfMadeName({ vg, lv }: Volume): string {
  return `${fullName(vg, lv)}, half a snapshot`
}
