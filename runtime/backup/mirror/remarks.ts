import type { Source } from '../../config/config.ts'
import { type Gaps, gapsInWords, some } from '../../host/mirror/coverage.ts'

/** What is known of a copy that went well. */
export interface CopyFacts {
  source: Source
  gaps: Gaps | undefined
  /** Entries that the mirror has of what is copied, its own folder included. */
  files: number
  sourceIsEmpty: boolean
  /** Entries whose times the target did not take as they are. */
  otherTimes: readonly string[]
}

/** Warnings about a copy that went well, a sentence each: its source counts as degraded then. */
export function remarksOn({ source, gaps, files, sourceIsEmpty, otherTimes }: CopyFacts): string[] {
  const place = source.kind === 'lv' ? `${source.vg}/${source.lv}` : source.path
  return [
    ...(files <= 1 && !sourceIsEmpty ? [`the backup is empty: \`exclude\` leaves out all of ${place}`] : []),
    ...(gaps ? gapsInWords(gaps) : []),
    ...(otherTimes.length > 0
      ? [
          `the file system of the target cannot hold these times, so that this is copied anew each time: ${some(otherTimes)} (set another time with touch, or use a target with larger inodes)`,
        ]
      : []),
  ]
}
