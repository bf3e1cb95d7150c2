import type { Clock } from '../../core/clock.ts'
import { Problem } from '../problem.ts'

interface Bucket {
  tokens: number
  at: number
}

/** Clients that are remembered; the one that was not heard of for longest is forgotten first, as if it were new. */
const mostClients = 10_000

/** A bucket of tokens for each client: a request takes one, time brings them back. */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>()
  readonly #perMs: number
  readonly #burst: number
  readonly #clock: Clock

  constructor({ perSecond, burst }: { perSecond: number; burst: number }, clock: Clock) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#clock = clock
  }

  /** @throws {Problem} The client has none left; `Retry-After` says when it has one. */
  take(client: string): void {
    this.check(client)
    this.charge(client, 1)
  }

  /** Takes none. @throws {Problem} As `take`. */
  check(client: string): void {
    const filled = this.#filled(client)
    if (filled < 1) {
      const seconds = Math.max(1, Math.ceil((1 - filled) / this.#perMs / 1000))
      throw new Problem('rate-limited', `try again in ${seconds} s`, {
        headers: { 'retry-after': String(seconds) },
      })
    }
  }

  /** Takes more for a request that turned out to be large (a batch); the client may be in debt after it. */
  charge(client: string, tokens: number): void {
    this.#set(client, this.#filled(client) - tokens)
  }

  #filled(client: string): number {
    const now = this.#clock.now()
    const { tokens, at } = this.#buckets.get(client) ?? { tokens: this.#burst, at: now }
    return Math.min(this.#burst, tokens + Math.max(0, now - at) * this.#perMs)
  }

  #set(client: string, tokens: number): void {
    // Set anew, so that the map keeps the order in which clients were last heard of.
    this.#buckets.delete(client)
    this.#buckets.set(client, { tokens, at: this.#clock.now() })
    if (this.#buckets.size > mostClients) {
      const [oldest] = this.#buckets.keys()
      if (oldest !== undefined) this.#buckets.delete(oldest)
    }
  }
}

/** Who counts as one client: an address, or in IPv6 the network of 64 bits that one is given. */
export function clientAt(address: string | undefined): string {
  if (!address?.includes(':')) return address ?? ''
  const v4 = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (v4) return v4
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter(Boolean)
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter(Boolean).length
  return [...groups, ...Array(missing).fill('0')].slice(0, 4).join(':')
}
