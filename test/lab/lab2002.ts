import { execFile } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fromCache, keyOf } from './cache.ts'
import type { Machine } from './machine.ts'

export interface Rule {
  /** Only this many snapshots, from now on. All of them by default. */
  first?: number
  /** Only snapshots whose own name, or whose origin's, matches this shell pattern. All by default. */
  only?: string
}

/**
 * From now on snapshots taken in this machine fail the way they did in 2002: under write load, now and
 * then (reiserfs) or nearly always (ext3, ext4, xfs) they cannot be mounted, since their journal wants to
 * be replayed and they cannot be written. Safe to repeat: a new rule replaces the old, counting afresh.
 * Returns what brings the present back.
 */
export async function lab2002(
  machine: Machine,
  { first = 1e9, only = '*' }: Rule = {},
): Promise<() => Promise<void>> {
  await copyFile(await compiled(), join(machine.dir, 'no-vfs-lock.so'))
  await copyFile(join(import.meta.dirname, 'lvcreate-2002'), join(machine.dir, 'lvcreate-2002'))
  await machine.ok(`
    set -e
    mkdir -p /run/lab2002
    cp /run/lab/no-vfs-lock.so /run/lab2002/
    printf '%s %s\\n' ${first} '${only}' > /run/lab2002/rule
    : > /run/lab2002/calls
    # --remove-destination: the name is a link to lvm itself, which stays.
    cp --remove-destination /run/lab/lvcreate-2002 /usr/sbin/lvcreate`)
  return async () => {
    await machine.ok('ln -sf lvm /usr/sbin/lvcreate')
  }
}

/** Compiles no-vfs-lock.c, once for each version of it. Returns the path. */
async function compiled(): Promise<string> {
  const source = join(import.meta.dirname, 'no-vfs-lock.c')
  const folder = await fromCache({
    kind: 'compiled-c',
    key: keyOf([], [source]),
    kept: 2,
    make: async (folder) => {
      const words = ['-shared', '-fPIC', '-O2', '-Wall', '-o', join(folder, 'no-vfs-lock.so'), source]
      await promisify(execFile)('gcc', words).catch((cause) => {
        throw new Error(
          'cannot compile no-vfs-lock.c; the lab of 2002 needs: apt-get install gcc libc6-dev',
          {
            cause,
          },
        )
      })
    },
  })
  return join(folder, 'no-vfs-lock.so')
}
