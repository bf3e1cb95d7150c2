import type { Source } from '../../config/config.ts'
import { isFrom, numberOf } from '../mount/devices.ts'
import { readMounts } from '../mount/mountinfo.ts'
import { realPath } from '../mount/real-path.ts'

/** A folder in which a source is seen on the live system; `below`: the folder of the source that is there, if not its own. */
export interface LiveRoot {
  at: string
  below: string
}

/** Where a source is seen on the live system; nowhere, where its volume is not mounted. The first is the best to name. */
export function liveRoots(source: Source, mounts = readMounts()): LiveRoot[] {
  if (source.kind === 'path') {
    return [...new Set([source.path, realPath(source.path)])].map((at) => ({ at, below: '' }))
  }
  const number = numberOf(`/dev/${source.vg}/${source.lv}`)
  if (number === undefined) return []
  return mounts
    .filter((mount) => isFrom(mount, number))
    .map(({ at, root }) => ({ at, below: root.slice(1) }))
    .sort((one, other) => one.below.length - other.below.length)
}
