import type { MachineRecord } from '../../host/machine/record.ts'
import type { Step } from '../../host/machine/step.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { MappedDisk } from './map-disks.ts'

/** Where the machine is rebuilt. */
export const rescueRoot = '/mnt/rescue'

/** What a rescue has to work with. */
export interface RescueGround {
  record: MachineRecord
  mapped: readonly MappedDisk[]
  /** New paths of disks that may be overwritten although they are not empty. */
  wipe: ReadonlySet<string>
  /** The restore point of each source, and the folder that has it. */
  points: ReadonlyMap<string, { folder: string; point: RestorePoint }>
  /** A file with the passphrase for LUKS; without it, cryptsetup asks. */
  keyFile?: string | undefined
  /** Whether udev is here, and has to be waited for. */
  udev: boolean
}

/** What the parts of a plan are given. */
export interface Making extends RescueGround {
  now(path: string): string
  add(step: Omit<Step, 'id'>): void
  note(text: string): void
}

/** Devices that need their contents again: file systems and swap. */
export function devicesToFill({ fileSystems, devices }: MachineRecord): string[] {
  const swap = devices.filter(
    ({ content, removable, type }) => content?.type === 'swap' && !removable && type !== 'disk',
  )
  return [...new Set([...fileSystems.map(({ device }) => device), ...swap.map(({ path }) => path)])]
}

/** Where a path of the old machine is during the rescue. */
export function inRescue(path: string): string {
  return path === '/' ? rescueRoot : `${rescueRoot}${path}`
}
