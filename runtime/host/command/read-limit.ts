import { setTimeout as pause } from 'node:timers/promises'

/** What may be read at once after a pause: a second's worth would be felt by whoever needs the disk. */
const burstMs = 100

/** Holds a reader to so many bytes a second: `limits.read` of the config. What it counts is all that is read through it. */
export class ReadLimit {
  readonly bytesPerSecond: number
  readonly #signal: AbortSignal
  readonly #time: { now(): number; pause(ms: number, signal: AbortSignal): Promise<unknown> }
  /** When what has been read until now may have been read, in ms. */
  #paidUntil = Number.NEGATIVE_INFINITY

  /** @param signal Ends its waiting. */
  constructor(
    bytesPerSecond: number,
    signal: AbortSignal,
    time = {
      now: () => performance.now(),
      pause: (ms: number, signal: AbortSignal): Promise<unknown> => pause(ms, undefined, { signal }),
    },
  ) {
    this.bytesPerSecond = bytesPerSecond
    this.#signal = signal
    this.#time = time
  }

  /** Waits until so many bytes may have been read. @throws The signal was aborted. */
  async after(bytes: number): Promise<void> {
    const now = this.#time.now()
    this.#paidUntil = Math.max(this.#paidUntil, now - burstMs) + (1000 * bytes) / this.bytesPerSecond
    const ms = this.#paidUntil - now
    if (ms > 0) await this.#time.pause(Math.ceil(ms), this.#signal)
  }
}
