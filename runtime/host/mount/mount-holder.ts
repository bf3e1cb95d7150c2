import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { parseMountinfo } from './mountinfo.ts'

/**
 * Where a device is mounted, in any mount namespace: a container or a service may hold it after it was unmounted here.
 * Reading a table of mounts is slow, so it is done once for each namespace and each root directory in it.
 * @param device `major:minor`.
 * @returns For people to read; undefined when it is mounted nowhere.
 * @see mount_namespaces(7)
 */
export function mountHolder(device: string, proc = '/proc'): string | undefined {
  const seen = new Set<string>()
  for (const pid of readdirSync(proc)) {
    if (!/^\d+$/.test(pid)) continue
    try {
      const view = viewOf(join(proc, pid))
      if (view && seen.has(view)) continue
      const mounts = parseMountinfo(readFileSync(join(proc, pid, 'mountinfo'), 'utf8'))
      if (view) seen.add(view)
      const found = mounts.find((mounted) => mounted.device === device)
      if (found) return `at ${found.at}, seen by process ${pid}`
    } catch {
      // The process has ended.
    }
  }
  return undefined
}

/** What tells processes that see the same mounts; undefined where that may not be known. */
function viewOf(folder: string): string | undefined {
  try {
    return `${readlinkSync(join(folder, 'ns/mnt'))} ${readlinkSync(join(folder, 'root'))}`
  } catch {
    return undefined
  }
}
