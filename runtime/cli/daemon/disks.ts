import type { Config, Target } from '../../config/config.ts'
import { keptStoreId } from '../../core/bus/sqlite/identity.ts'
import { CancelledError, reasonOf } from '../../errors.ts'
import { unobserved } from '../../host/command/command.ts'
import { createHost, type Host, runtimeDirectory } from '../../host/host.ts'
import { exitCodes, signalExitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { onEndingSignals } from '../signals.ts'
import { borrowTurn, type Lease } from './lease.ts'
import type { LeaseKind } from './lend.ts'

/**
 * The disks of targets, for a command that works on them beside runs: no run begins meanwhile. What it has mounted is unmounted
 * in the end, also when it is ended by a signal.
 */
export class Disks implements AsyncDisposable {
  readonly host: Host
  /** Aborted when the command has to end. */
  readonly signal: AbortSignal
  readonly #run = `command-${process.pid}`
  readonly #config: Pick<Config, 'state'>
  readonly #lease: Lease
  readonly #unlisten: () => void

  private constructor(config: Pick<Config, 'state'>, lease: Lease, io: Io) {
    this.#config = config
    const stop = new AbortController()
    this.signal = stop.signal
    this.host = hostFor(config, stop.signal)
    this.#lease = lease
    const leave = (exitCode: number, reason: string) => {
      stop.abort(new CancelledError(reason))
      this[Symbol.asyncDispose]()
        .catch((error) => io.stderr(`hdsync: ${reasonOf(error)}\n`))
        .finally(() => process.exit(exitCode))
    }
    this.#unlisten = onEndingSignals((signal) => leave(signalExitCodes[signal] ?? exitCodes.failed, signal))
    lease.over.addEventListener('abort', () => {
      const reason = reasonOf(lease.over.reason)
      io.stderr(`hdsync: ${reason}\n`)
      leave(exitCodes.busy, reason)
    })
  }

  /** @returns undefined where a run is going on and is not waited for; that is told. */
  static async borrow(
    config: Config,
    io: Io,
    wish: { kind: LeaseKind; waits: boolean },
  ): Promise<Disks | undefined> {
    const lease = await borrowTurn(config, { ...wish, note: (message) => io.stderr(`hdsync: ${message}\n`) })
    return lease && new Disks(config, lease, io)
  }

  /** @throws {TerminalError} A disk is missing, another one is there, or the marker is not. */
  mountToRead(target: Target): Promise<void> {
    return this.host.targets.mountToRead(target, this.#run)
  }

  /** Mounts it as a run does, and proves it. @throws {TerminalError} It is not as it should be. */
  async mountToChange(target: Target): Promise<void> {
    await this.host.targets.mount(target, this.#run)
    await this.host.targets.prove(target)
  }

  /** Safe to repeat. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlisten()
    try {
      // With a box of its own: what was going on has been stopped, unmounting is not.
      await hostFor(this.#config).targets.close(this.#run)
    } finally {
      this.#lease.giveBack()
    }
  }
}

const patienceMs = 24 * 3_600_000

/** A box for looking at what is mounted. */
export function hostFor(config: Pick<Config, 'state'>, signal = AbortSignal.timeout(patienceMs)): Host {
  const store = keptStoreId(config.state) ?? 'command'
  return createHost({
    observer: unobserved,
    signal,
    store: 'command',
    // As a run's: what a command that was killed leaves mounted is unmounted at the next start.
    runtimeDirectory: runtimeDirectory(config.state, store),
    stateDirectory: config.state,
  })
}
