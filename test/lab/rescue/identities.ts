import { fingerprint } from '../fingerprint.ts'
import type { Night } from '../night.ts'

/** Every file of a folder, with what a rescue has to bring back of it. */
export function tree({ machine }: Night, folder: string): Promise<string> {
  return fingerprint(machine, folder, { wholeSeconds: true })
}

/** UUID, label and type of what lies on each of these devices. */
export function identities({ machine }: Night, devices: readonly string[]): Promise<string> {
  return machine.ok(`
    for device in ${devices.join(' ')}; do
      blkid -p -o value -s UUID -s LABEL -s TYPE /dev/$device
    done`)
}
