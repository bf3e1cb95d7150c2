import { readFileSync } from 'node:fs'

/** One mounted file system, as the kernel tells it. */
export interface Mount {
  id: number
  /** `major:minor` of the device that the file system lies on. */
  device: string
  /** The folder within the file system that is mounted; `/` unless it is a bind mount. */
  root: string
  at: string
  options: string[]
  type: string
  /** The device as it was given to mount(8). */
  source: string
  superOptions: string[]
}

/** The mounts that this process sees, in the order in which they were made: the last at a place is on top. */
export function readMounts(file = '/proc/self/mountinfo'): Mount[] {
  return parseMountinfo(readFileSync(file, 'utf8'))
}

/** @see proc_pid_mountinfo(5) */
export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => {
      const fields = line.split(' ')
      const separator = fields.indexOf('-', 6)
      const [id, , device, root, at, options] = fields
      const [type, source, superOptions] = fields.slice(separator + 1)
      if (separator < 0 || !id || !device || !root || !at || !type || source === undefined) return []
      return {
        id: Number(id),
        device,
        root: unescapeOctal(root),
        at: unescapeOctal(at),
        options: (options ?? '').split(','),
        type,
        source: unescapeOctal(source),
        superOptions: (superOptions ?? '').split(','),
      }
    })
}

/** The mount that one sees at exactly this path. */
export function topMountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts.findLast(({ at }) => at === path)
}

/** The mount that a path lies on. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const covers = path === mount.at || path.startsWith(mount.at === '/' ? '/' : `${mount.at}/`)
    if (covers && (!best || mount.at.length >= best.at.length)) best = mount
  }
  return best
}

/** Space, tab, newline and backslash come as octal numbers. */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
