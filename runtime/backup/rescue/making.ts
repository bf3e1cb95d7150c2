import type { MachineRecord } from '../../host/machine/record.ts'
import type { Step } from '../../host/machine/step.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import type { MappedDisk } from './map-disks.ts'

/** Where the machine is put together. */
export const rescueRoot = '/mnt/rescue'

/** What a rescue has to work with. */
export interface RescueGround {
  record: MachineRecord
  mapped: readonly MappedDisk[]
  /** Disks by their new paths that may be overwritten though something lies on them. */
  wipe: ReadonlySet<string>
  /** From which point of which folder each source comes back. */
  points: ReadonlyMap<string, { folder: string; point: RestorePoint }>
  /** A file with the passphrase of what is encrypted; without it, cryptsetup asks. */
  keyFile?: string | undefined
  /** udev names devices here, and has to be waited for. */
  udev: boolean
}

/** What a plan is put together with. */
export interface Making extends RescueGround {
  now(path: string): string
  add(step: Omit<Step, 'id'>): void
  note(text: string): void
}

/** Devices that have something to come back: file systems, and swap. */
export function devicesToFill({ fileSystems, devices }: MachineRecord): string[] {
  const swap = devices.filter(
    ({ content, removable, type }) => content?.type === 'swap' && !removable && type !== 'disk',
  )
  return [...new Set([...fileSystems.map(({ device }) => device), ...swap.map(({ path }) => path)])]
}

/** Where something of the old machine lies while it is put together. */
export function inRescue(path: string): string {
  return path === '/' ? rescueRoot : `${rescueRoot}${path}`
}
