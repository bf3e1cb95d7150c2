import type { Source } from '../../config/config.ts'

/**
 * How many deletions a source permits; whole files, rounded down.
 * @param spent So many of them are made already: a copy that was stopped at its limit does not get another whole one.
 */
export function deletionLimit(limit: Source['maxDelete'], mirrorFiles: number, spent = 0): number {
  const all = 'files' in limit ? limit.files : Math.floor(((mirrorFiles + spent) * limit.percent) / 100)
  return Math.max(0, all - spent)
}

export interface DeletionFacts {
  maxDelete: Source['maxDelete']
  /** Deletions that copies have made since the last good one, before they were stopped at the limit. */
  spent: number
  /** A copy deletes no more than that; undefined where it is not known. */
  deletionsAtMost: number | undefined
  /** How many files the mirror has, at least; undefined where it is not known. */
  mirrorFilesAtLeast: number | undefined
}

/**
 * With how many deletions permitted a copy may begin at once, as it is certain to stay within its limit.
 * @returns undefined where that is not certain: a dry run has to tell.
 */
export function certainLimit(facts: DeletionFacts): number | undefined {
  const { maxDelete, spent, deletionsAtMost, mirrorFilesAtLeast } = facts
  if (deletionsAtMost === undefined) return undefined
  if (mirrorFilesAtLeast === undefined && !('files' in maxDelete)) return undefined
  const limit = deletionLimit(maxDelete, mirrorFilesAtLeast ?? 0, spent)
  return deletionsAtMost <= limit ? limit : undefined
}
