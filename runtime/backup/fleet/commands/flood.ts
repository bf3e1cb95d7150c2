/** So many bytes of commands wait to be looked at. */
const mostWaiting = 2 * 2 ** 20
/** What is signed has 64 KiB at most; as JSON it is somewhat more. */
const largest = 160 * 1024
/** So many are looked at without a pause, and then so many in a second: to look at one takes a signature and the store. */
const mostAtOnce = 500
const mostInSecond = 20

/** Bounds what a host hears from the server, which may have been taken over. What is passed over is sent again when the host connects anew. */
export class Flood {
  #waiting = 0
  #left = mostAtOnce
  #at: number

  /** @param now Milliseconds of a clock that only goes forward. */
  constructor(now: number) {
    this.#at = now
  }

  /** Takes a message of so many bytes. @returns Why it is passed over; undefined where it is not: `leave` has to follow. */
  enter(bytes: number, now: number): string | undefined {
    this.#left = Math.min(mostAtOnce, this.#left + ((now - this.#at) / 1000) * mostInSecond)
    this.#at = now
    if (bytes > largest) return 'it is too large'
    if (this.#waiting + bytes > mostWaiting) return 'too much waits already'
    if (this.#left < 1) return 'too many come at once'
    this.#left -= 1
    this.#waiting += bytes
    return undefined
  }

  /** A message has been looked at. */
  leave(bytes: number): void {
    this.#waiting -= bytes
  }
}
