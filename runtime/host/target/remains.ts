import type { Stats } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { weekdays } from '../../weekday.ts'
import { extensions } from '../archive/archive-compression.ts'
import { isNight } from '../archive/kept.ts'
import { keptFolder } from '../archive/shelf.ts'
import { readClaims } from './claims.ts'
import { Folder } from './safe-open.ts'

/** What a target holds of one source. */
export interface Remains {
  source: string
  /** The path of its mirror, if there is one. */
  mirror?: string
  /** The paths of its archives. */
  archives: string[]
  /** Whether this event store has claimed it. */
  claimed: boolean
}

const endings = Object.values(extensions)

/**
 * What lies on a target, by source: mirrors that this event store has claimed, and archives. What belongs to another store
 * is left out. A folder that is a link is passed over.
 * @throws {TerminalError} Whose what is, cannot be told.
 */
export function remainsOn(target: Pick<Target, 'path'>, store: string): Remains[] {
  using root = Folder.at(target.path)
  if (!root) return []
  const claims = readClaims(target.path)
  const found = new Map<string, Remains>()
  const of = (source: string): Remains => {
    const known = found.get(source) ?? { source, archives: [], claimed: claims.get(source)?.store === store }
    found.set(source, known)
    return known
  }
  for (const [source, claim] of claims) {
    if (claim.store !== store) continue
    if (look(root, source)?.isDirectory()) of(source).mirror = join(target.path, source)
  }
  for (const folder of [...weekdays, ...nightsIn(root)]) {
    for (const name of filesIn(root, folder)) {
      const source = sourceOf(name)
      const claim = source === undefined ? undefined : claims.get(source)
      if (source === undefined || (claim && claim.store !== store)) continue
      of(source).archives.push(join(target.path, folder, name))
    }
  }
  return [...found.values()]
}

function sourceOf(name: string): string | undefined {
  const ending = endings.find((one) => name.endsWith(one))
  return ending === undefined || name.startsWith('.') ? undefined : name.slice(0, -ending.length)
}

function nightsIn(root: Folder): string[] {
  return filesIn(root, keptFolder)
    .filter(isNight)
    .map((night) => `${keptFolder}/${night}`)
}

function filesIn(root: Folder, path: string): string[] {
  const [first = '', second] = path.split('/')
  try {
    using folder = root.folder(first)
    if (!folder || second === undefined) return folder?.names() ?? []
    using inner = folder.folder(second)
    return inner?.names() ?? []
  } catch {
    return []
  }
}

function look(root: Folder, name: string): Stats | undefined {
  try {
    return root.look(name)
  } catch {
    return undefined
  }
}
