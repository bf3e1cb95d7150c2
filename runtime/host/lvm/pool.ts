import { TerminalError } from '../../errors.ts'
import { fullName, type Volume } from './lvm.ts'

/** From how full a thin pool is no snapshot kept in it: a full pool stops every volume that lies there. */
const limitPercent = 95

/** Why a thin pool must not hold a snapshot now, if that is so. @see lvmthin(7) */
export function poolProblem(pool: Volume): TerminalError | undefined {
  const name = fullName(pool.vg, pool.lv)
  if (pool.needsCheck) {
    return new TerminalError(`the thin pool ${name} needs a check`, { hint: `lvconvert --repair ${name}` })
  }
  for (const [what, percent, option] of [
    ['data', pool.dataPercent, '--size'],
    ['metadata', pool.metadataPercent, '--poolmetadatasize'],
  ] as const) {
    if (percent === undefined || percent < limitPercent) continue
    return new TerminalError(
      `the thin pool ${name} has ${percent}% of its ${what} in use: no snapshot is kept`,
      {
        hint: `lvextend ${option} +1G ${name}`,
      },
    )
  }
  return undefined
}
