import type { Source } from '../../config/config.ts'
import type { Comparison } from '../../host/mirror/compare.ts'
import { deletionLimit } from './deletion-limit.ts'

/**
 * How many files a source permits to be changed; whole files, rounded down.
 * @returns undefined where nothing is limited, and only what is unusual is told of.
 */
export function changeLimit(limit: Source['maxChange'], mirrorRegular: number): number | undefined {
  return limit === 'auto' ? undefined : deletionLimit(limit, mirrorRegular)
}

export interface ChangeFacts {
  maxChange: Source['maxChange']
  /** A copy changes no more files than that; undefined where it is not known. */
  changesAtMost?: number | undefined
  /** How many regular files that are copied the mirror has, at least; undefined where it is not known. */
  regularAtLeast?: number | undefined
}

/**
 * How many changes are permitted to a copy that is certain to make no more.
 * @returns `certain` is false where a dry run has to tell.
 */
export function certainChanges({ maxChange, changesAtMost, regularAtLeast }: ChangeFacts): {
  certain: boolean
  limit?: number | undefined
} {
  if (maxChange === 'auto') return { certain: true }
  if (changesAtMost === undefined) return { certain: false }
  if (regularAtLeast === undefined && 'percent' in maxChange) return { certain: false }
  const limit = deletionLimit(maxChange, regularAtLeast ?? 0)
  return { certain: changesAtMost <= limit, limit }
}

/** Regular files that the mirror has of what is copied, at least: what else it has may all be regular files. */
export function regularAtLeast(
  { mirrorRegular, mirrorNames }: Pick<Comparison, 'mirrorRegular' | 'mirrorNames'>,
  copiedAtLeast: number | undefined,
): number | undefined {
  if (mirrorRegular === undefined || mirrorNames === undefined || copiedAtLeast === undefined)
    return undefined
  return Math.max(0, mirrorRegular - Math.max(0, mirrorNames - copiedAtLeast))
}
