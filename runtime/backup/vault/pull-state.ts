import * as z from 'zod'
import { vaultFailed, vaultOverdue } from '../../../events/index.ts'
import type { Pull } from '../../config/vault.ts'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import { type HostRecord, readRecord } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import { settingsOf, type VaultTools } from './vault.ts'

// How fetching from a host went last: kept in `pull.json` of its folder.

const at = z.iso.datetime()

const pullState = z.object({
  version: z.literal(1),
  firstAt: at,
  triedAt: at,
  /** When everything was fetched that was to be. */
  goodAt: at.nullable(),
  error: z.string().nullable(),
  /** See `PullEnd`. */
  passes: z.boolean().default(false),
  /** When hooks were told of it. */
  failedToldAt: at.nullable(),
  overdueToldAt: at.nullable(),
})
export type PullState = z.output<typeof pullState>

/** How fetching has ended. `passes`: what has gone wrong, if anything has, passes by itself; of that hooks hear once it is overdue. */
export interface PullEnd {
  error: string | null
  passes: boolean
}

const fileName = 'pull.json'
/** A host that is asked each hour would tell of the same thing each hour. */
const toldAgainMs = 86_400_000

/** @returns undefined where nothing was ever fetched, or the file is not what was written. */
export function readPullState({ root }: Pick<HostFolder, 'root'>): PullState | undefined {
  try {
    return pullState.parse(JSON.parse(root.read(fileName, 1024 ** 2) ?? ''))
  } catch {
    return undefined
  }
}

/** Puts on record how fetching has ended, and tells hooks of what is news. */
export function notePull(host: string, folder: HostFolder, end: PullEnd, tools: VaultTools): void {
  const { pull } = settingsOf(tools.vault, host)
  if (!pull) return
  const now = tools.now()
  const iso = isoOf(now)
  const known = readPullState(folder)
  const state: PullState = {
    ...{ version: 1, firstAt: known?.firstAt ?? iso, triedAt: iso, error: end.error },
    passes: end.error !== null && end.passes,
    goodAt: end.error === null ? iso : (known?.goodAt ?? null),
    failedToldAt: end.error === null ? null : (known?.failedToldAt ?? null),
    overdueToldAt: known?.overdueToldAt ?? null,
  }
  const isTold = state.failedToldAt !== null && now - Date.parse(state.failedToldAt) < toldAgainMs
  if (end.error !== null && !end.passes && !isTold) {
    tools.tell?.({ definition: vaultFailed, data: { host, at: iso, reason: end.error } })
    state.failedToldAt = iso
  }
  const late = whenOverdue(state, readRecord(folder.root), pull, now)
  if (!late) state.overdueToldAt = null
  else if (state.overdueToldAt === null) {
    const { after: afterMs } = pull.alert
    tools.tell?.({
      definition: vaultOverdue,
      data: { host, at: iso, lastAt: late.lastAt, afterMs, reason: end.error },
    })
    state.overdueToldAt = iso
  }
  folder.root.replace(fileName, `${JSON.stringify(state)}\n`, 0o600)
}

/**
 * Whether nothing came of a host for too long: it counts from the last arrival, whatever was said meanwhile. A host that was
 * taken over, or makes no archives any more, may answer all the time that there is nothing new.
 * @returns When something came last; null for never. undefined where that is not too long ago.
 */
export function whenOverdue(
  state: Pick<PullState, 'firstAt'>,
  { arrivals }: Pick<HostRecord, 'arrivals'>,
  { alert }: Pick<Pull, 'alert'>,
  now: number,
): { lastAt: string | null } | undefined {
  const lastAt = arrivals.reduce<string | null>(
    (last, { provedAt }) => (last === null || provedAt > last ? provedAt : last),
    null,
  )
  return now - Date.parse(lastAt ?? state.firstAt) > alert.after ? { lastAt } : undefined
}
