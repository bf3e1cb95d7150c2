import { statSync } from 'node:fs'

import { isWithin } from '../../config/left-out.ts'
import { formatBytes } from '../../units.ts'
import type { CommandRunner } from '../command/command.ts'
import { formatNumber } from '../mount/devices.ts'
import { type BlockDevice, surveyDisks } from '../survey.ts'
import { type DiskIdentity, identifyDisks } from './disk-identity.ts'

/** A disk that is here now. */
export interface FreshDisk {
  path: string
  sizeBytes: number
  /** Why it must not be written to: it is in use, holds the backup, is read-only. Undefined for one that may be. */
  taken?: string
  /** What lies on it, as wipefs(8) names it. */
  signatures: readonly string[]
  identity?: DiskIdentity
  /** Of its partition table, as `tableId` has it. */
  table?: string
}

/** Smaller devices hold no machine: zram, empty card readers. */
const leastBytes = 1024 ** 2

/**
 * The disks that are here now, and why some must not be written to.
 * @param folders Folders of backups: the disks that they lie on are taken.
 * @param ours Where a rescue that goes on has mounted what it made: these mounts, and devices that are active, take no disk.
 * @throws {TerminalError} lsblk or findmnt is missing.
 */
export async function freshDisks(
  runner: CommandRunner,
  folders: readonly string[],
  ours?: string,
): Promise<FreshDisk[]> {
  const { devices, mounts } = await surveyDisks(runner)
  const foreign = mounts.filter(({ at }) => ours === undefined || !isWithin(at, ours))
  const identities = await identifyDisks(runner)
  const disks = devices.filter(
    ({ type, sizeBytes, path }) =>
      type === 'disk' && sizeBytes >= leastBytes && !path.startsWith('/dev/zram'),
  )
  const found: FreshDisk[] = []
  for (const disk of disks) {
    const all = [disk, ...below(disk, devices)]
    const taken = takenBy(disk, all, foreign, folders) ?? (ours === undefined ? activeOn(all) : undefined)
    const identity = identities.get(disk.path)
    const table = await tableOn(disk.path, runner)
    found.push({
      path: disk.path,
      sizeBytes: disk.sizeBytes,
      ...(taken !== undefined && { taken }),
      signatures: await signatures(runner, all),
      ...(identity && { identity }),
      ...(table !== undefined && { table }),
    })
  }
  return found
}

function below(device: BlockDevice, devices: readonly BlockDevice[]): BlockDevice[] {
  return devices
    .filter(({ parents }) => parents.includes(device.name))
    .flatMap((child) => [child, ...below(child, devices)])
}

function takenBy(
  disk: BlockDevice,
  all: readonly BlockDevice[],
  mounts: readonly { at: string; number: string; source: string }[],
  folders: readonly string[],
): string | undefined {
  if (disk.readOnly) return 'it is read-only'
  const holding = folders.find((folder) => {
    const holds = formatNumber(statSync(folder).dev)
    return all.some(({ number }) => number === holds)
  })
  if (holding !== undefined) return `the backups in ${holding} lie on it`
  for (const { number, path } of all) {
    const mount = mounts.find((one) => one.number === number || one.source === path)
    if (mount) return `${path} is mounted at ${mount.at}`
  }
  return undefined
}

function activeOn(all: readonly BlockDevice[]): string | undefined {
  const active = all.find(({ type }) => type === 'lvm' || type === 'crypt' || type.startsWith('raid'))
  return active && `${active.path} (${active.type}, ${formatBytes(active.sizeBytes)}) on it is active`
}

/** The id of a partition table in a dump of sfdisk(8), and in what it is given. */
export function tableId(dump: string): string | undefined {
  return dump.match(/^label-id:\s*(\S+)/m)?.[1]?.toLowerCase()
}

async function tableOn(path: string, runner: CommandRunner): Promise<string | undefined> {
  try {
    return tableId((await runner.run({ argv: ['sfdisk', '--dump', path], timeoutMs: 60_000 })).stdout)
  } catch {
    // There is none, or no sfdisk.
    return undefined
  }
}

/** @see wipefs(8) */
async function signatures(runner: CommandRunner, all: readonly BlockDevice[]): Promise<string[]> {
  const found = new Set<string>()
  for (const { path, partitionTable, fileSystem } of all) {
    const { stdout } = await runner.run({
      argv: ['wipefs', '--noheadings', '--output', 'TYPE', path],
      timeoutMs: 60_000,
      accept: [0, 1],
    })
    for (const type of [...stdout.split('\n'), partitionTable, fileSystem]) {
      if (type?.trim()) found.add(type.trim())
    }
  }
  return [...found]
}
