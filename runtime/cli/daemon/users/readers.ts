import type { Engine } from '../../../backup/engine.ts'
import { type Clock, systemClock } from '../../../core/clock.ts'
import { Problem } from '../../../http/problem.ts'
import { whenDue } from '../lend.ts'

/** Somebody who reads backups, and no run begins meanwhile. */
export interface Reading {
  /** Aborted when a run has waited long enough. */
  signal: AbortSignal
  leave(): void
}

/** Lets users read together: the first borrows the turn of a run, and the last gives it back. */
export class Readers {
  readonly #engine: Pick<Engine, 'bus' | 'current' | 'lend' | 'isLent'>
  readonly #clock: Clock
  readonly #reading = new Set<AbortController>()
  #borrowed: Promise<() => void> | undefined

  constructor(engine: Pick<Engine, 'bus' | 'current' | 'lend' | 'isLent'>, clock: Clock = systemClock) {
    this.#engine = engine
    this.#clock = clock
  }

  /** @throws {Problem} A run is going on, or others read or change the backups. */
  async enter(): Promise<Reading> {
    const stop = new AbortController()
    this.#reading.add(stop)
    try {
      this.#borrowed ??= this.#borrow()
      const giveBack = await this.#borrowed
      return { signal: stop.signal, leave: () => this.#leave(stop, giveBack) }
    } catch (error) {
      this.#reading.delete(stop)
      this.#borrowed = undefined
      throw error
    }
  }

  async #borrow(): Promise<() => void> {
    const engine = this.#engine
    if (engine.current() !== undefined || engine.bus.heldRun() !== undefined || engine.isLent())
      throw new Problem('another-run', 'backups are being made or read: ask again later')
    const giveBack = await engine.lend()
    const unwatch = whenDue(engine, this.#clock, () => {
      for (const stop of this.#reading) stop.abort(new Error('a backup is due'))
    })
    return () => {
      unwatch()
      giveBack()
    }
  }

  #leave(stop: AbortController, giveBack: () => void): void {
    if (!this.#reading.delete(stop) || this.#reading.size > 0) return
    this.#borrowed = undefined
    giveBack()
  }
}
