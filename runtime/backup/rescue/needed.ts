import type { MachineRecord, RecordedDevice } from '../../host/machine/record.ts'

type Devices = Pick<MachineRecord, 'devices' | 'groups' | 'physicalVolumes'>

/** Names of all devices that these paths need: what they lie on, down to the disks. A volume needs its whole group. */
export function neededNames(record: Devices, paths: readonly string[]): Set<string> {
  const names = new Set<string>()
  const visit = (device: RecordedDevice | undefined) => {
    if (!device || names.has(device.name)) return
    names.add(device.name)
    for (const parent of device.parents) visit(record.devices.find(({ name }) => name === parent))
    const group = groupOf(device, record)
    if (group === undefined) return
    for (const one of record.devices) if (groupOf(one, record) === group) visit(one)
    // One that holds no volume lies below none.
    for (const one of physicalDevices(group, record)) visit(one)
  }
  for (const path of paths) visit(record.devices.find((one) => one.path === path))
  return names
}

/** The group of a volume, or of a hidden part of one: the name before the first single dash. @see lvm(8) */
export function groupOf(
  { path, type }: RecordedDevice,
  { groups }: Pick<MachineRecord, 'groups'>,
): string | undefined {
  const before = type === 'lvm' ? path.match(/^\/dev\/mapper\/((?:[^-]|--)+)-/)?.[1] : undefined
  return groups.find(({ name }) => name === before?.replaceAll('--', '-'))?.name
}

/** The devices that are physical volumes of a group. One that was missing is none of them. */
export function physicalDevices(group: string, { devices, physicalVolumes }: Devices): RecordedDevice[] {
  const paths = new Set(physicalVolumes.filter((one) => one.group === group).map(({ device }) => device))
  return devices.filter(({ path }) => paths.has(path))
}
