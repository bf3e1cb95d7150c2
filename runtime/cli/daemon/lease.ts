import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { Config } from '../../config/config.ts'
import { holdLock } from '../../core/bus/sqlite/database.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { TerminalError } from '../../errors.ts'
import type { Daemon } from './client.ts'
import { type LeaseKind, leaseKind } from './lend.ts'
import { daemonOf } from './remote.ts'

/** The turn that a run would have: while it is held, no run begins. */
export interface Lease {
  /** Aborted when it is over before it was given back. */
  readonly over: AbortSignal
  /** Safe to repeat. */
  giveBack(): void
}

export interface LeaseWish {
  kind: LeaseKind
  /** Whether a run that is going on is waited for. */
  waits: boolean
  /** Told why it is waited, once. */
  note(message: string): void
  /** Gives up waiting. */
  signal?: AbortSignal
}

/**
 * Borrows the turn that a run would have: of the daemon where there is one, by the lock on the state directory otherwise.
 * @returns undefined where another run is going on and is not waited for; that is noted.
 */
export async function borrowTurn(config: Config, wish: LeaseWish): Promise<Lease | undefined> {
  const daemon = await daemonOf(config)
  return daemon ? fromDaemon(daemon, wish) : byLock(config, wish)
}

async function fromDaemon(
  daemon: Daemon,
  { kind, waits, note, signal }: LeaseWish,
): Promise<Lease | undefined> {
  const going = Promise.withResolvers<boolean>()
  const over = new AbortController()
  const hangUp = new AbortController()
  signal?.addEventListener('abort', () => hangUp.abort(signal.reason))
  daemon
    .stream(
      `/lease?kind=${kind}`,
      ({ event, data }) => {
        if (event === 'go') return going.resolve(true)
        if (event !== 'wait') return
        const { run } = JSON.parse(data) as { run: string | null }
        const who = run === null ? 'another hdsync reads or changes backups' : `run ${run} is going on`
        note(waits ? `${who}: waits for its end` : `${who}: nothing was done`)
        if (!waits) going.resolve(false)
      },
      { signal: hangUp.signal },
    )
    .catch((error) => {
      if (!hangUp.signal.aborted) going.reject(error)
      else going.resolve(false)
    })
    .finally(() => {
      if (!hangUp.signal.aborted) over.abort(new TerminalError('a run is due: what reads backups has to end'))
    })
  if (await going.promise) return { over: over.signal, giveBack: () => hangUp.abort() }
  hangUp.abort()
  return undefined
}

const pollMs = 500
const noteFile = (state: string) => join(state, 'borrowed-by')
const borrowed = z.object({ pid: z.int(), kind: leaseKind })

/** Who holds the lock on a state directory, if it is a command that reads or changes backups beside runs. */
export function borrowerOf(state: string): z.output<typeof borrowed> | undefined {
  try {
    const found = borrowed.parse(JSON.parse(readFileSync(noteFile(state), 'utf8')))
    return lockHolder(state) === found.pid ? found : undefined
  } catch {
    return undefined
  }
}

async function byLock(config: Config, { kind, waits, note, signal }: LeaseWish): Promise<Lease | undefined> {
  const { state } = config
  let unlock = holdLock(state)
  for (let isTold = false; !unlock; isTold = true) {
    const holder = lockHolder(state)
    const who = `another hdsync${holder ? ` (process ${holder})` : ''} is at work on ${state}`
    if (!isTold) note(waits ? `${who}: waits for its end` : `${who}: nothing was done`)
    if (!waits) return undefined
    await sleep(pollMs, undefined, signal && { signal })
    unlock = holdLock(state)
  }
  writeFileSync(noteFile(state), JSON.stringify({ pid: process.pid, kind }), { mode: 0o600 })
  const held = unlock
  let isBack = false
  return {
    over: new AbortController().signal,
    giveBack() {
      if (isBack) return
      isBack = true
      rmSync(noteFile(state), { force: true })
      held()
    },
  }
}
