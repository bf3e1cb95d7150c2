import { whenDue } from '../../../backup/engine/when-due.ts'
import type { Engine } from '../../../backup/engine.ts'
import { type Clock, systemClock } from '../../../core/clock.ts'
import { Problem } from '../../../http/problem.ts'

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
  /** A run has waited long enough: who reads is on the way out, and nobody watches any more. */
  #isOver = false

  constructor(engine: Pick<Engine, 'bus' | 'current' | 'lend' | 'isLent'>, clock: Clock = systemClock) {
    this.#engine = engine
    this.#clock = clock
  }

  /** @throws {Problem} A run is going on or waits, or others read or change the backups. */
  async enter(): Promise<Reading> {
    // Nobody comes in behind the back of a run that waits, or one after the other would keep it waiting.
    if (this.#isOver || this.#engine.bus.heldRun() !== undefined) throw later()
    const stop = new AbortController()
    this.#reading.add(stop)
    this.#borrowed ??= this.#borrow()
    const borrowed = this.#borrowed
    try {
      const giveBack = await borrowed
      return { signal: stop.signal, leave: () => this.#leave(stop, giveBack) }
    } catch (error) {
      this.#reading.delete(stop)
      if (this.#borrowed === borrowed) this.#borrowed = undefined
      throw error
    }
  }

  async #borrow(): Promise<() => void> {
    const engine = this.#engine
    if (engine.current() !== undefined || engine.isLent()) throw later()
    const giveBack = await engine.lend()
    const unwatch = whenDue(engine, this.#clock, () => {
      this.#isOver = true
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
    this.#isOver = false
    giveBack()
  }
}

function later(): Problem {
  return new Problem('another-run', 'backups are being made or read: ask again later')
}
