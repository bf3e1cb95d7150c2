import { hash } from 'node:crypto'
import * as z from 'zod'
import type { OtherHub } from '../../../core/bus/sqlite/fleet/inbox.ts'
import { thereSubject } from '../../../fleet-protocol.ts'
import type { SharedMessage } from '../../../host/fleet/hubs-stream.ts'
import { isoOf } from '../../../instant.ts'
import { readShared } from './shared-list.ts'

/** A hub says so often that it is there, and looks so often for the others. */
const lookEveryMs = 60_000
/** Who has said nothing at so many looks in a row is gone: an upgrade or a restart of its machine takes less. */
const goneAfterLooks = 5
/** A hub that was taken away for good is forgotten then. */
const forgottenAfterLooks = (7 * 86_400_000) / lookEveryMs
/** As long, as Go writes durations. */
const thereLasts = '168h'

const thereValue = z.object({ name: z.string().min(1).max(256) })

/**
 * The other hubs of a fleet, and whether they are there. Silence is counted in looks and not by the clock: none of them is gone as the clock was
 * set, or as this machine slept.
 */
export class OtherHubs {
  readonly #name: string
  readonly #others: Map<string, { heardAt: string; missed: number }>
  #lookedAt = Number.NEGATIVE_INFINITY

  /** @param name Of this hub's machine. @param known As it has seen the others before it was started. */
  constructor(name: string, known: readonly OtherHub[] = []) {
    this.#name = name
    this.#others = new Map(
      known.map(({ hub, heardAt, isGone }) => [hub, { heardAt, missed: isGone ? goneAfterLooks : 0 }]),
    )
  }

  /** What this hub says of itself. */
  get own(): { subject: string; value: z.input<typeof thereValue>; lasts: string } {
    return { subject: subjectOf(this.#name), value: { name: this.#name }, lasts: thereLasts }
  }

  /** Takes a message of the stream of the hubs; what was read already is no word of anybody. @param key By which it has to be signed. */
  take(message: SharedMessage, key: string): void {
    if (!message.subject.startsWith(thereSubject(''))) return
    const name = readShared(thereValue, message, key)?.name
    if (name === undefined || name === this.#name || subjectOf(name) !== message.subject) return
    const heardAt = isoOf(message.timeMs)
    if (this.#others.get(name)?.heardAt !== heardAt) this.#others.set(name, { heardAt, missed: 0 })
  }

  /** To be called at least once in a minute while this hub hears the others. @returns Whether it was time to look. */
  look(now: number): boolean {
    const since = now - this.#lookedAt
    if (since >= 0 && since < lookEveryMs) return false
    this.#lookedAt = now
    for (const [name, one] of this.#others) {
      one.missed += 1
      if (one.missed > forgottenAfterLooks) this.#others.delete(name)
    }
    return true
  }

  /** By name. */
  get all(): OtherHub[] {
    return [...this.#others]
      .map(([hub, { heardAt, missed }]) => ({ hub, heardAt, isGone: missed >= goneAfterLooks }))
      .sort((a, b) => (a.hub < b.hub ? -1 : 1))
  }
}

/** The name of a machine has dots in it, which a subject is divided by. */
function subjectOf(name: string): string {
  return thereSubject(hash('sha256', name).slice(0, 32))
}
