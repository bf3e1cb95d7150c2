import { opendirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { backingFiles } from './devices.ts'
import { type Mount, readMounts } from './mountinfo.ts'

/** What paths of this machine lead to. The kernel's table of mounts knows real paths alone. */
export interface Sight {
  mounts: readonly Mount[]
  /** See {@link realPath}. */
  real(path: string): string
  /** The number that stat(2) has for the file system: subvolumes of one btrfs have each their own. */
  devOf(path: string): number | undefined
  /** See {@link backingFiles}. */
  backing(device: string): string[]
}

/** This machine as it is now. */
export function lookAround(mounts: readonly Mount[] = readMounts()): Sight {
  return {
    mounts,
    real: realPath,
    devOf: (path) => statSync(path, { throwIfNoEntry: false })?.dev,
    backing: backingFiles,
  }
}

/** A path without links in it, as far as it exists; the rest stays as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(realPath(parent), basename(path))
  }
}

/**
 * Opens a folder, if there is one: what an automounter puts there is mounted only then. To be done before the table of
 * mounts is read. @see autofs(5)
 */
export function touch(path: string): void {
  try {
    opendirSync(path).closeSync()
  } catch {
    // What is wrong with it, whoever needs it will say.
  }
}
