import { statfsSync } from 'node:fs'
import type { HostFolder } from './host-folder.ts'

/** How it is said, to whoever finds out. */
export const diskFull = 'the disk of the vault is full'

/** What is free on the disk of a vault; inodes are null where the file system has no fixed number of them. */
export interface Free {
  bytes: number
  inodes: number | null
}

export function freeIn(path: string): Free {
  const { bavail, bsize, files, ffree } = statfsSync(path)
  return { bytes: bavail * bsize, inodes: files > 0 ? ffree : null }
}

/** The names under which bytes of a host lie that are no copies yet. */
export function unprovenNames({ incoming, proving }: Pick<HostFolder, 'incoming' | 'proving'>): Set<string> {
  return new Set([...incoming.names(), ...proving.names()])
}

/** How many bytes lie under such a name. */
export function cameOf(
  { incoming, proving }: Pick<HostFolder, 'incoming' | 'proving'>,
  name: string,
): number {
  return [incoming.look(name), proving.look(name)].reduce(
    (sum, found) => sum + (found?.isFile() ? found.size : 0),
    0,
  )
}

/** How many bytes lie under a name in `base` that is not a further name of a copy. */
export function ownBaseBytes({ base }: Pick<HostFolder, 'base'>, name: string): number {
  const found = base.look(name)
  return found?.isFile() && found.nlink === 1 ? found.size : 0
}
