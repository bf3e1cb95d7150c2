import { basename, dirname, join } from 'node:path'
import { keptFolder } from '../../host/archive/shelf.ts'
import { dateOf, weekdayOf } from '../../weekday.ts'
import { dueToBeKept } from './due.ts'
import type { ArchivedNight, KeepPoint } from './points.ts'
import { decidePruning } from './pruning.ts'
import type { KeepRules } from './tiers.ts'

/** What the next night does with the archives of a source, if it goes well. */
export interface NextNight {
  /** What the new archive takes the place of, and nothing keeps. */
  replaced: KeepPoint[]
  /** What is kept longer as it is about to be replaced. */
  kept: KeepPoint[]
  /** What nothing keeps any more, once the new archive stands. */
  pruned: KeepPoint[]
  /** Why nothing is pruned, if that is not because nothing is due. */
  waits?: string
}

/** What decides about it. */
export interface NextNightFacts {
  points: readonly KeepPoint[]
  record: { nights: readonly Pick<ArchivedNight, 'provenAt'>[] }
  /** Undefined where the folders of the weekdays are all that there is. */
  rules: KeepRules | undefined
  /** When the night begins, in milliseconds since the epoch. */
  at: number
  /** When a copy changed unusually many files, of which nobody has said that it was meant. */
  unusualAt?: number | undefined
}

/** Foresees a night, by the same rules as the night itself goes by. */
export function nextNight({ points, record, rules, at, unusualAt }: NextNightFacts): NextNight {
  const folder = weekdayOf(at)
  const there = points.filter((point) => point.folder === folder)
  const kept =
    unusualAt !== undefined
      ? there.filter((point) => point.at < unusualAt)
      : rules
        ? dueToBeKept(points, folder, at, rules)
        : []
  const others = points.filter((point) => point.folder !== folder)
  const isElsewhere = ({ file, at }: KeepPoint) =>
    others.some((other) => other.file === file && dateOf(other.at) === dateOf(at))
  const replaced = there.filter((point) => !kept.includes(point) && !isElsewhere(point))
  if (!rules || unusualAt !== undefined) return { replaced, kept, pruned: [] }
  const moved = new Map(kept.map((point) => [keptAs(point), point]))
  const known = new Set(points.map(({ path }) => path))
  const after = [
    tonight(folder, at),
    ...others,
    ...[...moved].flatMap(([path, point]) =>
      known.has(path) ? [] : [{ ...point, path, folder: `${keptFolder}/${dateOf(point.at)}` }],
    ),
  ]
  const { go, waits } = decidePruning(after, { nights: [{ provenAt: at }, ...record.nights] }, rules)
  const gone = go.map((point) => moved.get(point.path) ?? point)
  return {
    replaced: [...replaced, ...gone.filter((point) => kept.includes(point))],
    kept: kept.filter((point) => !gone.includes(point)),
    pruned: gone.filter((point) => !kept.includes(point)),
    ...(waits !== undefined && { waits }),
  }
}

/** The archive that the night writes. */
function tonight(folder: string, at: number): KeepPoint {
  const file = 'tonight'
  return { path: file, folder, file, at, writtenMs: at, sizeBytes: 0, diskBytes: 0, state: 'good' }
}

function keptAs({ path, at }: KeepPoint): string {
  return join(dirname(dirname(path)), keptFolder, dateOf(at), basename(path))
}
