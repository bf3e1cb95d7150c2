import type { Config } from '../../config/config.ts'
import { reasonOf } from '../../errors.ts'
import { readClaims } from '../target/claims.ts'
import { readMarker } from '../target/marker.ts'
import { pointsOn } from './find-points.ts'
import type { RestorePoint } from './restore-point.ts'

/** What is found on the disks that are mounted now. */
export interface FoundPoints {
  points: RestorePoint[]
  /** Targets whose disks cannot be read now, and why. */
  absent: Map<string, string>
}

/** The restore points on the targets of a config, as far as their disks are there. Mounts nothing. */
export function configuredPoints(config: Pick<Config, 'sources' | 'targets' | 'copies'>): FoundPoints {
  const absent = new Map<string, string>()
  const points = Object.values(config.targets).flatMap(({ name, path }) => {
    try {
      const marker = readMarker(path)
      if (marker?.target !== name) {
        absent.set(
          name,
          marker ? `the disk at ${path} is that of target ${marker.target}` : 'it is not mounted',
        )
        return []
      }
      const others = [...readClaims(path).keys()].filter((source) => !Object.hasOwn(config.sources, source))
      const own = Object.values(config.sources).filter(({ target }) => target === name)
      const [copy] = Object.entries(config.copies ?? {}).find(([, one]) => one.target === name) ?? []
      return pointsOn({ target: name, path, copy, mirrors: [...own.map((source) => source.name), ...others] })
    } catch (error) {
      absent.set(name, reasonOf(error))
      return []
    }
  })
  return { points: withOwnIds(points), absent }
}

/** Where a source was archived on two targets, both may have an archive of one night. */
function withOwnIds(points: readonly RestorePoint[]): RestorePoint[] {
  const taken = new Set<string>()
  return points.map((point) => {
    const id = taken.has(point.id) ? `${point.id}/${point.target}` : point.id
    taken.add(id)
    return { ...point, id }
  })
}
