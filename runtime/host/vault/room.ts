import { statfsSync } from 'node:fs'
import type { HostFolder } from './host-folder.ts'

/** What is free on the disk of a vault; inodes are null where the file system has no fixed number of them. */
export interface Free {
  bytes: number
  inodes: number | null
}

export function freeIn(path: string): Free {
  const { bavail, bsize, files, ffree } = statfsSync(path)
  return { bytes: bavail * bsize, inodes: files > 0 ? ffree : null }
}

/** How many bytes lie in a host's folders that are no copies yet. */
export function unprovenBytes({ incoming, proving }: Pick<HostFolder, 'incoming' | 'proving'>): number {
  return [incoming, proving]
    .flatMap((folder) => folder.names().map((name) => folder.look(name)))
    .reduce((sum, found) => sum + (found?.isFile() ? found.size : 0), 0)
}
