import { readFileSync } from 'node:fs'
import type { CommandRunner } from '../command/command.ts'

/** How full a thick snapshot is. */
export interface SnapshotStatus {
  /** It has overflowed: nothing in it can be read any more. */
  invalid: boolean
  usedBytes: number
  totalBytes: number
  /** As lvs(8) tells it: 0 while there is nothing but the head of the exception store. */
  usedPercent: number
}

const sectorBytes = 512

/**
 * Asks the kernel about a snapshot: much cheaper than lvs(8), and right at once.
 * @param device `major:minor`.
 * @returns undefined for what is no thick snapshot (a thin one, a plain volume).
 */
export async function snapshotStatus(
  runner: CommandRunner,
  device: string,
): Promise<SnapshotStatus | undefined> {
  const [major = '', minor = ''] = device.split(':')
  const argv = ['dmsetup', 'status', '--major', major, '--minor', minor] as const
  const { stdout } = await runner.run({ argv, timeoutMs: 30_000, interruptible: false })
  return parseSnapshotStatus(stdout)
}

/** `0 204800 snapshot 1234/40960 16`, or `Invalid` or `Overflow` in place of the numbers. */
export function parseSnapshotStatus(line: string): SnapshotStatus | undefined {
  const match = /\bsnapshot (?:(\d+)\/(\d+) (\d+)|(Invalid|Overflow|Merge failed))/.exec(line)
  if (!match) return undefined
  const [, used = '0', total = '0', metadata = '0', broken] = match
  const share = used === metadata ? 0 : Number(used) / Number(total)
  return {
    invalid: broken !== undefined,
    usedBytes: Number(used) * sectorBytes,
    totalBytes: Number(total) * sectorBytes,
    usedPercent: broken === undefined ? Math.round(share * 10_000) / 100 : 100,
  }
}

/**
 * What tells a device from every other one, also from a later one of the same number; of a volume it has the ids of
 * LVM in it.
 * @param device `major:minor`.
 * @returns undefined when there is no such device now.
 */
export function deviceMapperId(device: string): string | undefined {
  try {
    return readFileSync(`/sys/dev/block/${device}/dm/uuid`, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}
