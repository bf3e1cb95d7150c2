import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HdsyncError, TerminalError } from '../../errors.ts'
import { CommandError, type CommandRunner } from '../command/command.ts'
import { snapshotMountOptions, snapshotType } from '../mount/filesystem.ts'
import type { Mount } from '../mount/mountinfo.ts'
import { fullName, type Volume } from './lvm.ts'

/** A snapshot of the volume could never be mounted; no further attempt changes that. */
export class UnmountableError extends TerminalError {
  /** Whether there is a file system at all. */
  readonly hasFileSystem: boolean

  constructor(volume: Pick<Volume, 'vg' | 'lv'>, what: string, hint: string, hasFileSystem = false) {
    super(`${fullName(volume.vg, volume.lv)} holds ${what}${hasFileSystem ? '' : `: ${noFileSystem}`}`, {
      hint,
    })
    this.hasFileSystem = hasFileSystem
  }
}

/** How the reason of such a failure ends, where there is no file system. */
export const noFileSystem = 'no file system that can be mounted'
/** And where there is one that this kernel does not know. */
export const unknownToKernel = 'which this kernel cannot mount'

/**
 * The type of the file system of a volume of which a snapshot is to be mounted. The volume's own mount tells, or else the
 * volume itself.
 * @throws {UnmountableError} It holds something else, or a file system that cannot be mounted from a snapshot.
 */
export async function mountableType(
  runner: CommandRunner,
  volume: Pick<Volume, 'vg' | 'lv' | 'path' | 'device'>,
  mounts: readonly Mount[],
): Promise<string> {
  const live = mounts.find(({ device }) => device === volume.device)
  const type = await askForType(runner, volume, live)
  const other = contents(type, volume, mounts)
  if (other) throw new UnmountableError(volume, ...other)
  refuseUnsafe(volume, type, live)
  if (live || (await kernelMounts(type, runner))) return type
  const hint = `see why: modprobe ${type}; after an upgrade of the kernel its modules are there only once it was restarted`
  throw new UnmountableError(volume, `${type}, ${unknownToKernel}`, hint, true)
}

function refuseUnsafe(volume: Pick<Volume, 'vg' | 'lv'>, type: string, live: Mount | undefined): void {
  try {
    snapshotMountOptions(type, live)
  } catch (error) {
    if (!(error instanceof HdsyncError)) throw error
    throw new UnmountableError(volume, `${type}: ${error.message}`, error.hint ?? '', true)
  }
}

async function askForType(
  runner: CommandRunner,
  volume: Pick<Volume, 'vg' | 'lv' | 'path'>,
  live: Mount | undefined,
): Promise<string> {
  try {
    const type = await snapshotType(runner, volume.path, live)
    if (type) return type
  } catch (error) {
    // blkid(8): more than one, of which none is the likelier.
    if (!(error instanceof CommandError) || error.exitCode !== 8) throw error
    throw new UnmountableError(volume, 'the marks of several file systems', `see them: wipefs ${volume.path}`)
  }
  const table = await partitionTable(runner, volume.path)
  if (table) {
    const what = `a partition table (${table}), as the disk of a virtual machine does`
    throw new UnmountableError(
      volume,
      what,
      'back up from within that machine, and take the source out of the config',
    )
  }
  throw new UnmountableError(
    volume,
    'nothing that is known',
    `see what is on it: blkid --probe ${volume.path}; is it the right volume, and was it formatted?`,
  )
}

async function partitionTable(runner: CommandRunner, path: string): Promise<string | undefined> {
  const argv = ['blkid', '--probe', '--match-tag', 'PTTYPE', '--output', 'value', '--', path] as const
  const { stdout } = await runner.run({ argv, timeoutMs: 30_000, accept: [0, 2, 8] })
  return stdout.trim() || undefined
}

const take = 'take the source out of the config'

/** What blkid(8) knows that is no file system, for people to read, and what to back up instead. */
function contents(
  type: string,
  { device }: Pick<Volume, 'device'>,
  mounts: readonly Mount[],
): [what: string, hint: string] | undefined {
  if (/^crypto_|^BitLocker$/.test(type)) {
    const at = openedAt(device, mounts)
    const where = at ? `\`path: ${at}\`` : '`path:` and where it is mounted once it is open,'
    return [
      `encrypted data (${type})`,
      `back up the file system in it as a directory: ${where} in place of \`lv\``,
    ]
  }
  if (/^sw(ap|suspend)$/.test(type)) return [`swap (${type})`, `there is nothing to back up in it: ${take}`]
  if (/^LVM\d_member$/.test(type)) {
    return [`a physical volume of LVM (${type})`, 'back up the volumes that lie in it']
  }
  if (/_member$|^(drbd|bcache)$/.test(type)) {
    return [`a part of something else (${type})`, 'back up the file system that lies on that']
  }
  if (/^(jbd|xfs_log|xfs_external_log)$/.test(type)) {
    return [`the journal of a file system elsewhere (${type})`, `there is nothing to back up in it: ${take}`]
  }
  return undefined
}

/** Where what lies on a device is mounted. */
function openedAt(device: string | undefined, mounts: readonly Mount[]): string | undefined {
  try {
    const holders = join('/sys/dev/block', device ?? '', 'holders')
    const numbers = readdirSync(holders).map((name) =>
      readFileSync(join(holders, name, 'dev'), 'utf8').trim(),
    )
    return mounts.find((mount) => numbers.includes(mount.device))?.at
  } catch {
    return undefined
  }
}

/** Whether the kernel has a driver for it, or would load one, or mount(8) has a helper. True where that cannot be told. */
async function kernelMounts(type: string, runner: CommandRunner): Promise<boolean> {
  if (driversNow().includes(type)) return true
  if (['/sbin', '/usr/sbin'].some((folder) => existsSync(join(folder, `mount.${type}`)))) return true
  try {
    await runner.run({ argv: modprobeArgv(type), timeoutMs: 30_000 })
    return true
  } catch (error) {
    // Without modprobe(8), or in a container, mount(8) has to find out.
    return !(error instanceof CommandError) || error.exitCode !== 1
  }
}

function modprobeArgv(type: string): readonly [string, ...string[]] {
  return ['modprobe', '--dry-run', '--quiet', `fs-${type}`]
}

/** @see proc(5), /proc/filesystems */
function driversNow(): string[] {
  try {
    return readFileSync('/proc/filesystems', 'utf8')
      .split('\n')
      .map((line) => line.split('\t').at(-1) ?? '')
  } catch {
    return []
  }
}
