import { readdirSync, readFileSync } from 'node:fs'
import * as z from 'zod'
import type { CommandRunner } from '../command/command.ts'
import { realPath } from '../mount/real-path.ts'

/**
 * What a disk is known by after a boot, in which the kernel may call it otherwise. What two disks have in common is left out:
 * some enclosures give each of their disks the same serial number.
 */
export const diskIdentity = z.object({
  serial: z.string().exactOptional(),
  wwn: z.string().exactOptional(),
  /** As the kernel has it, without udev. */
  wwid: z.string().exactOptional(),
  /** Where it is plugged in: of little worth where the disk itself tells who it is. */
  port: z.string().exactOptional(),
})

export type DiskIdentity = z.output<typeof diskIdentity>

const report = z.object({
  blockdevices: z.array(
    z.object({
      kname: z.string(),
      path: z.string(),
      serial: z.string().nullish(),
      wwn: z.string().nullish(),
    }),
  ),
})

const argv = ['lsblk', '--json', '--nodeps', '--output', 'KNAME,PATH,SERIAL,WWN'] as const

/** The identities of all disks that are here, by their paths. @throws {TerminalError} lsblk is missing. */
export async function identifyDisks(runner: CommandRunner): Promise<Map<string, DiskIdentity>> {
  const { stdout } = await runner.run({ argv, timeoutMs: 60_000, interruptible: false })
  const rows = report.parse(JSON.parse(stdout)).blockdevices
  const links = portLinks()
  return withoutShared(
    new Map(
      rows.map(({ kname, path, serial, wwn }) => {
        const of = (file: string) => wordIn(`/sys/class/block/${kname}/${file}`)
        return [
          path,
          known({
            serial: serial?.trim() || of('serial') || of('device/serial'),
            wwn: wwn?.trim(),
            wwid: of('wwid') || of('device/wwid'),
            port: links.get(path) ?? portOf(realPath(`/sys/class/block/${kname}`)),
          }),
        ]
      }),
    ),
  )
}

/** Leaves out what does not tell one disk from another. */
export function withoutShared(all: ReadonlyMap<string, DiskIdentity>): Map<string, DiskIdentity> {
  const identities = [...all.values()]
  const isShared = (key: string, value: string) =>
    identities.filter((one) => one[key as keyof DiskIdentity] === value).length > 1
  return new Map(
    [...all].map(([path, identity]) => [
      path,
      Object.fromEntries(Object.entries(identity).filter(([key, value]) => !isShared(key, value))),
    ]),
  )
}

/**
 * The port of a disk that is alone at its address on a bus: PCI, Xen. Others have numbers in their path that the kernel gives
 * anew at each boot.
 * @param path In sysfs.
 */
export function portOf(path: string): string | undefined {
  const [, bus] = path.match(/^\/sys\/devices\/(.+?)(?:\/virtio\d+)?\/block\/[^/]+$/) ?? []
  return bus !== undefined && /(^|\/)([\da-f]+:[\da-f]+:[\da-f]+\.\d|vbd-\d+)$/.test(bus) ? bus : undefined
}

/** What udev knows of ports: names of links, by the disks to which they lead. */
function portLinks(folder = '/dev/disk/by-path'): Map<string, string> {
  try {
    return new Map(
      readdirSync(folder)
        .toSorted()
        .map((name) => [realPath(`${folder}/${name}`), name]),
    )
  } catch {
    return new Map()
  }
}

function wordIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1').trim().replaceAll(/\s+/g, ' ')
  } catch {
    return undefined
  }
}

function known(identity: Record<keyof DiskIdentity, string | undefined>): DiskIdentity {
  return Object.fromEntries(Object.entries(identity).filter(([, value]) => value))
}
