import type { MachineRecord } from '../../host/machine/record.ts'
import type { MappedDisk } from './map-disks.ts'

/**
 * What the devices of the old machine are called on the new one. Names of device-mapper and RAID stay.
 * @returns The new path of an old one; the same where it does not lie on a disk that is mapped.
 */
export function newNames(record: MachineRecord, mapped: readonly MappedDisk[]): (path: string) => string {
  const names = new Map<string, string>()
  for (const { old, now } of mapped) {
    names.set(old.path, now.path)
    for (const part of record.devices) {
      if (part.type !== 'part' || !part.parents.includes(old.name)) continue
      names.set(part.path, partitionPath(now.path, numberOf(part.path, old.path)))
    }
  }
  return (path) => names.get(path) ?? path
}

/** The table of an old disk for a new one, as sfdisk(8) reads it: its last sector is that of the new disk. */
export function tableFor(dump: string, from: string, to: string): string {
  return dump
    .split('\n')
    .filter((line) => !/^(device|last-lba|first-lba):/.test(line))
    .map((line) => {
      const node = line.match(/^(\/dev\/\S+)\s*:/)?.[1]
      if (node === undefined || !node.startsWith(from)) return line
      return line.replace(node, partitionPath(to, numberOf(node, from)))
    })
    .join('\n')
}

function numberOf(partition: string, disk: string): string {
  return partition.slice(disk.length).replace(/^p/, '')
}

/** The kernel puts a `p` between two numbers. */
function partitionPath(disk: string, number: string): string {
  return `${disk}${/\d$/.test(disk) ? 'p' : ''}${number}`
}
