import { readFileSync } from 'node:fs'
import { isWithin } from '../../config/left-out.ts'

/** One mounted file system, as the kernel tells it. */
export interface Mount {
  id: number
  /** The mount that its mount point lies on. */
  parent: number
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
      const [id, parent, device, root, at, options] = fields
      const [type, source, superOptions] = fields.slice(separator + 1)
      if (separator < 0 || !id || !device || !root || !at || !type || source === undefined) return []
      return {
        id: Number(id),
        parent: Number(parent),
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

/** The mount that one sees at exactly this path. @param path A real one: see realPath. */
export function topMountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  const seen = mountOf(mounts, path)
  return seen?.at === path ? seen : undefined
}

/**
 * The mount that a path lies on, as one gets there: what a later mount further up has hidden is not seen, nor is what
 * only waits to be mounted (autofs).
 * @param path A real one: see realPath.
 */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]))
  const above = ({ id, parent }: Mount): Mount | undefined => {
    const found = parent === id ? undefined : byId.get(parent)
    return found?.type === 'autofs' ? above(found) : found
  }
  const covering = mounts.filter(({ at, type }) => type !== 'autofs' && isWithin(path, at))
  const root = nearest(covering.filter((mount) => !above(mount))) ?? covering[0]
  let seen = root
  const rest = new Set(covering)
  while (seen) {
    const here: Mount = seen
    rest.delete(here)
    const next = nearest([...rest].filter((mount) => (above(mount) ?? root) === here))
    if (!next) return here
    seen = next
  }
  return undefined
}

/** The first on the way from the root; of several at one place the last, which is on top. */
function nearest(mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) if (!best || mount.at.length <= best.at.length) best = mount
  return best
}

/** Whether what is written at a path is lost when the machine goes down. */
export function liesInMemory(path: string, mounts: readonly Mount[] = readMounts()): boolean {
  return ['tmpfs', 'ramfs', 'rootfs'].includes(mountOf(mounts, path)?.type ?? '')
}

/** Space, tab, newline and backslash come as octal numbers. */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
