import type { HostRow } from '../../core/bus/sqlite/fleet/inbox.ts'
import type { ToldMessage } from '../../fleet-protocol.ts'

/** What becomes of an event that a host tells. */
export type Judgement =
  /** `missing`: numbers before it that nobody has any more. */
  | { take: true; missing: number }
  /**
   * `double`: taken before. `gap`: one before it has not come yet. `fork`: the one before it is another one here, as the store of the host was put
   * back to an older copy; it finds that out by its receipt. `left`: of an epoch that the host has left.
   */
  | { take: false; why: 'double' | 'gap' | 'fork' | 'left' }

/**
 * Events of a host are taken in the order of their numbers, each once. One that comes too early waits for the host to send it again; but
 * what a hub has confirmed before (`released`), the host has no more, and is not waited for: this hub has been put back, or is a new one.
 * @param known How the host stands here; undefined where nothing has come of it.
 */
export function judge(
  known: Pick<HostRow, 'epoch' | 'seq' | 'id'> | undefined,
  hasLeft: boolean,
  { epoch, seq, previous, released }: Pick<ToldMessage, 'epoch' | 'seq' | 'previous' | 'released'>,
): Judgement {
  if (hasLeft) return { take: false, why: 'left' }
  const have = known?.epoch === epoch ? known : { seq: 0, id: '' }
  if (seq <= have.seq) return { take: false, why: 'double' }
  if (seq === have.seq + 1)
    return previous === have.id ? { take: true, missing: 0 } : { take: false, why: 'fork' }
  if (released < seq - 1) return { take: false, why: 'gap' }
  return { take: true, missing: known === undefined ? 0 : seq - have.seq - 1 }
}
