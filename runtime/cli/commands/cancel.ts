import { setTimeout as sleep } from 'node:timers/promises'
import { cancelledRun, endOfWithdrawn } from '../../backup/engine/withdrawal.ts'
import { loadFunctions } from '../../backup/load-functions.ts'
import { backupKind, type RunReport } from '../../backup/run-report.ts'
import type { StoreConfig } from '../../config/store-config.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { holdLock, openDatabase } from '../../core/bus/sqlite/database.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { cancelReason } from '../../core/cancel-reason.ts'
import { UsageError } from '../../errors.ts'
import { askHolder, isHdsync } from '../daemon/ask-holder.ts'
import { asked, connectDaemon } from '../daemon/client.ts'
import { exitCodes } from '../exit-codes.ts'
import { readWanted } from '../find-run.ts'
import { storeConfig } from '../find-store.ts'
import type { Io } from '../io.ts'
import type { Reading } from '../store.ts'
import { resultText } from '../view/result.ts'

export interface CancelOptions {
  config?: string
  json?: boolean
}

const pollMs = 100

/**
 * `hdsync cancel`: ends a run before its time, in order, and waits for its end. It needs no config that is good: see
 * `storeConfig`.
 * @param wanted An id or its beginning; `last`, the newest.
 * @returns 0 when it was cancelled, 1 when it ended otherwise before.
 * @throws {UsageError} There is no such run, or nothing of it to cancel.
 */
export async function cancelCommand(wanted: string, options: CancelOptions, io: Io): Promise<number> {
  const config = await storeConfig(options.config, io)
  const before = readWanted(config, wanted)
  const { run } = before.result
  if (before.result.endedAt !== null) {
    throw new UsageError(`run ${run} has ended already (${before.standing})`, {
      hint: `hdsync show ${run}`,
    })
  }
  await ask(before, config, io)
  const result = await ended(run, config)
  io.stdout(options.json ? `${JSON.stringify(result)}\n` : resultText(result, io))
  return result.state === 'cancelled' ? exitCodes.succeeded : exitCodes.failed
}

/** Has whoever does the run end it; one that nobody has begun is taken back. */
async function ask(reading: Reading, config: StoreConfig, io: Io): Promise<void> {
  const { standing, result } = reading
  const { run, kind } = result
  const snapshots = kind === backupKind ? ', and removing its snapshots' : ''
  // Whatever config it works by: the run is in this store.
  const daemon = await connectDaemon(config)
  if (daemon) {
    await asked(daemon.post(`/runs/${run}/cancel?by=command`))
    io.stderr(`hdsync: cancelling run ${run}${snapshots}\n`)
    return
  }
  if (standing === 'waiting' && (await withdraw(reading, config))) return
  const holder = lockHolder(config.state)
  if (holder === undefined && kind !== backupKind && (await revokeAlone(run, config))) return
  if (holder === undefined) {
    throw new UsageError(`run ${run} was interrupted: nobody is at it`, {
      hint: 'the next `hdsync run` or `hdsync serve` ends it, and puts in order what it left',
    })
  }
  if (!isHdsync(holder)) {
    throw new UsageError(
      `process ${holder} is at work on ${config.state}, and is no hdsync: it is left alone`,
    )
  }
  io.stderr(`hdsync: asking process ${holder} to cancel run ${run}${snapshots}\n`)
  askHolder(config.state, holder, run)
}

/** @returns false when somebody has begun it meanwhile. */
async function withdraw({ result: { run, kind } }: Reading, config: StoreConfig): Promise<boolean> {
  const reason = cancelReason('command')
  const registry = await loadFunctions(config)
  return onBus(config, (bus) => {
    const now = Date.now()
    if (kind !== backupKind)
      return bus.revoke(run, reason, now, { publish: endOfWithdrawn(run, reason, { bus, registry, now }) })
    const facts = { bus, registry, config, now }
    return bus.withdraw(run, [cancelledRun(run, reason, facts)])
  })
}

/** Ends a run that has begun, and would be gone on with by the next start. @returns false when somebody is at work. */
async function revokeAlone(run: string, config: StoreConfig): Promise<boolean> {
  const unlock = holdLock(config.state)
  if (!unlock) return false
  try {
    return await onBus(config, (bus) => bus.revoke(run, cancelReason('command'), Date.now(), { begun: true }))
  } finally {
    unlock()
  }
}

async function onBus<T>({ state }: StoreConfig, work: (bus: SqliteBus) => Promise<T>): Promise<T> {
  const bus = new SqliteBus(openDatabase(state), state)
  try {
    return await work(bus)
  } finally {
    bus.close()
  }
}

async function ended(run: string, config: StoreConfig): Promise<RunReport> {
  for (;;) {
    const { standing, result } = readWanted(config, run)
    if (result.endedAt !== null) return result
    if (standing === 'interrupted') {
      throw new UsageError(`whoever did run ${run} stopped before it had ended`, {
        hint: 'the next `hdsync run` or `hdsync serve` ends it, and puts in order what it left',
      })
    }
    await sleep(pollMs)
  }
}
