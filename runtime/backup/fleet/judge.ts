import type { HostRow } from '../../core/bus/sqlite/fleet/inbox.ts'
import type { ToldMessage } from '../../fleet-protocol.ts'

/** What becomes of an event that a host tells. */
export type Judgement =
  /** `missing`: numbers before it that nobody has any more. */
  | { take: true; missing: number }
  /** `double`: taken before. `gap`: one before it has not come yet. `left`: of an epoch that the host has left. */
  | { take: false; why: 'double' | 'gap' | 'left' }

/**
 * Events of a host are taken in the order of their numbers, each once. One that comes too early waits for the host to send it again; but
 * what a hub has confirmed before (`released`), the host has no more, and is not waited for: this hub has been put back, or is a new one.
 * @param known How the host stands here; undefined where nothing has come of it.
 */
export function judge(
  known: Pick<HostRow, 'epoch' | 'seq'> | undefined,
  hasLeft: boolean,
  { epoch, seq, released }: Pick<ToldMessage, 'epoch' | 'seq' | 'released'>,
): Judgement {
  if (hasLeft) return { take: false, why: 'left' }
  const have = known?.epoch === epoch ? known.seq : 0
  if (seq <= have) return { take: false, why: 'double' }
  if (seq > have + 1 && released < seq - 1) return { take: false, why: 'gap' }
  return { take: true, missing: known === undefined ? 0 : seq - have - 1 }
}
