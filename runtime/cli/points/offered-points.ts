import { differenceOf } from '../../backup/restore/versions.ts'
import { pointTime } from '../../backup/restore/when.ts'
import { count } from '../../count.ts'
import type { Together } from '../../host/archive/catalogue/together.ts'
import { type RestorePoint, withoutCopies } from '../../host/points/restore-point.ts'
import type { Access } from './access.ts'

/** A moment that a source can be taken back to. */
export interface OfferedPoint {
  point: RestorePoint
  /** How many entries differ from the moment before it, where a catalogue tells. */
  change?: { added: number; removed: number; changed: number }
}

/** The moments of a source, the newest first: each once, by the restore point that is read fastest. */
export async function offeredPoints(access: Access, source: string): Promise<OfferedPoint[]> {
  const points = withoutCopies(access.points.filter((point) => point.source === source))
  const moments = [...Map.groupBy(points, ({ at }) => at).values()]
  const groups = await access.together(points)
  try {
    const offered: OfferedPoint[] = []
    for (const [n, moment] of moments.entries()) {
      const point = moment.find(({ target }) => !access.absent.has(target)) ?? (moment[0] as RestorePoint)
      const change = await changeBetween(moments[n + 1] ?? [], moment, groups)
      offered.push({ point, ...(change && { change }) })
    }
    return offered
  } finally {
    for (const group of groups) group[Symbol.dispose]()
  }
}

async function changeBetween(
  before: readonly RestorePoint[],
  after: readonly RestorePoint[],
  groups: readonly Together[],
): Promise<OfferedPoint['change']> {
  for (const known of groups) {
    const from = before.find((point) => known.has(point))
    const to = after.find((point) => known.has(point))
    if (!from || !to) continue
    const difference = await differenceOf(known.onlyIn(from, to), known.onlyIn(to, from))
    const { added, removed, changed } = difference
    return { added: added.length, removed: removed.length, changed: changed.length }
  }
  return undefined
}

/** `Tuesday 2026-11-24 01:57, weekday: 3 added, 1 removed, 12 changed` */
export function offeredText({ point, change }: OfferedPoint): string {
  const what = change && changeText(change)
  return `${pointTime(point.at)}, ${point.kind}${what === undefined ? '' : `: ${what}`}`
}

function changeText({ added, removed, changed }: NonNullable<OfferedPoint['change']>): string {
  const parts = [
    ...(added > 0 ? [`${count(added)} added`] : []),
    ...(removed > 0 ? [`${count(removed)} removed`] : []),
    ...(changed > 0 ? [`${count(changed)} changed`] : []),
  ]
  return parts.length > 0 ? parts.join(', ') : 'nothing changed'
}
