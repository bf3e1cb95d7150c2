import { functionOverdue, scheduleDue } from '../../events/schedule.ts'
import { reasonOf } from '../errors.ts'
import { isoOf } from '../instant.ts'
import type { EventBus, Publication } from './bus/bus.ts'
import type { Journal } from './bus/journal.ts'
import type { Clock } from './clock.ts'
import { factPublication, rootPublication } from './publication.ts'
import { orderOf } from './registry/order.ts'
import { foundIn, isDisabled, laneOf, type RegisteredFunction, type Registry } from './registry/registry.ts'
import type { Schedule } from './schedule.ts'

/** What is remembered of a schedule. Times are milliseconds since the epoch. */
export interface ScheduleMemo {
  /** Its text: another one begins anew. */
  text: string
  /** When it was first seen. */
  since: number
  /** Its last moment that was heeded. */
  after: number
}

interface SchedulerOptions {
  registry: Registry
  bus: Pick<EventBus, 'events' | 'open'>
  journal: Pick<Journal, 'tallies'>
  clock: Clock
  memos: { get(functionName: string): ScheduleMemo | undefined; set(name: string, memo: ScheduleMemo): void }
  publish(publications: readonly Publication[]): Promise<unknown>
  onWarning(message: string): void
}

/** The clock may be set, and the machine may sleep: it is looked at now and then, whatever is expected when. */
const longestPauseMs = 3_600_000
/** What cannot be recorded now is not tried again at once. */
const shortestPauseMs = 1000
/** What is remembered further ahead than this was written by a clock that was wrong. */
const sanityMs = 86_400_000
/** So many moments in a row are counted as missed at most. */
const mostMissed = 1000
/** So far back is looked for a success. */
const lookedAt = 50

type Scheduled = RegisteredFunction & { schedule: Schedule }

/**
 * Gives functions their turn when their schedule says so: once for all the moments at which nobody was there, and never
 * while the last turn has not ended. Tells of those that do not end well any more.
 */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #found: () => readonly Scheduled[]
  #clearTimer = () => {}
  #isStopped = false
  #looking: Promise<void> = Promise.resolve()

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#found = foundIn(options.registry, (functions) =>
      functions.filter((one): one is Scheduled => one.schedule !== undefined),
    )
  }

  get #functions(): readonly Scheduled[] {
    return this.#found()
  }

  /** When the next function has its turn; undefined when none has a schedule. */
  get nextAt(): number | undefined {
    const next = this.#functions.flatMap((one) => one.schedule.nextAfter(this.#memoOf(one).after) ?? [])
    return next.length > 0 ? Math.min(...next) : undefined
  }

  /** Looks at all schedules, and goes on to do so. Safe to repeat, when the functions have changed. */
  start(): Promise<void> {
    if (this.#functions.length === 0) return Promise.resolve()
    return this.#look()
  }

  stop(): void {
    this.#isStopped = true
    this.#clearTimer()
  }

  /** Never throws: what cannot be recorded now is tried again. */
  #look(): Promise<void> {
    this.#clearTimer()
    this.#looking = this.#looking
      .then(() => this.#options.registry.refresh?.())
      .then(() => this.#lookAtAll())
      .then(() => {
        if (this.#isStopped) return
        const { clock } = this.#options
        const dueInMs = (this.nextAt ?? Infinity) - clock.now()
        const pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, dueInMs))
        this.#clearTimer = clock.schedule(pauseMs, () => void this.#look())
      })
    return this.#looking
  }

  async #lookAtAll(): Promise<void> {
    for (const one of this.#functions) {
      if (this.#isStopped) return
      try {
        if (isDisabled(one, this.#options.registry.disabled)) {
          this.#pass(one)
          continue
        }
        await this.#turn(one)
        await this.#tellOverdue(one)
      } catch (error) {
        this.#options.onWarning(`the schedule of ${one.name} could not be heeded: ${reasonOf(error)}`)
      }
    }
  }

  /** Enabled again, it begins as a schedule that is new: what came meanwhile is not made up for. */
  #pass({ name, schedule }: Scheduled): void {
    const now = this.#options.clock.now()
    this.#options.memos.set(name, { text: schedule.text, since: now, after: now })
  }

  async #turn(one: Scheduled): Promise<void> {
    const { registry, clock, memos, publish, onWarning } = this.#options
    const memo = this.#memoOf(one)
    const now = clock.now()
    const { at, missed } = dueOf(one.schedule, memo.after, now)
    if (at === undefined) return
    if (this.#isBusy(one.name)) {
      onWarning(`${one.name} is left out at ${isoOf(at)}: its last turn has not ended`)
    } else {
      const data = { function: one.name, at: isoOf(at), missed }
      // A crash before it is remembered gives it no second turn: the id is there already.
      const origin = { id: `schedule ${one.name} ${isoOf(at)}` }
      const { event } = rootPublication(registry, scheduleDue, data, { now, origin })
      const order = orderOf(one.definition, event.data, event.runid)
      await publish([
        { event, deliveries: [{ function: one.name, lane: laneOf(one, scheduleDue), ...order, runAt: 0 }] },
      ])
    }
    memos.set(one.name, { ...memo, after: at })
  }

  async #tellOverdue(one: Scheduled): Promise<void> {
    const { registry, bus, clock, publish } = this.#options
    const { since } = this.#memoOf(one)
    const turns = bus.events({
      types: [scheduleDue.type],
      subject: one.name,
      newestFirst: true,
      limit: lookedAt,
    })
    const good = turns.find(({ runid = '' }) =>
      this.#options.journal
        .tallies(runid)
        .some(({ function: name, state, tried }) => name === one.name && state === 'done' && tried > 0),
    )
    const base = good ? Math.max(since, Date.parse((good.data as { at: string }).at)) : since
    const now = clock.now()
    const second = one.schedule.nextAfter(one.schedule.nextAfter(base) ?? Infinity)
    if (second === undefined || now < second + one.timeoutMs) return
    const filter = { types: [functionOverdue.type], subject: one.name, newestFirst: true, limit: 1 }
    const [told] = bus.events(filter)
    if (told && Date.parse(told.time) >= base) return
    const data = {
      function: one.name,
      schedule: one.schedule.text,
      lastSuccessAt: good ? good.time : null,
      firstSeenAt: isoOf(since),
    }
    await publish([factPublication(registry, functionOverdue, data, now)])
  }

  #memoOf({ name, schedule }: Scheduled): ScheduleMemo {
    const { memos, clock } = this.#options
    const now = clock.now()
    const memo = memos.get(name)
    if (memo?.text === schedule.text && memo.after <= now + sanityMs) return memo
    const begun = { text: schedule.text, since: now, after: now }
    memos.set(name, begun)
    return begun
  }

  /** Whether the last turn of a function has not ended, tries that are to come included. */
  #isBusy(name: string): boolean {
    const { bus } = this.#options
    const filter = { types: [scheduleDue.type], subject: name, newestFirst: true, limit: 1 }
    const [last] = bus.events(filter)
    return last?.runid !== undefined && bus.open(last.runid).some((one) => one.function === name)
  }
}

/** The last moment of a schedule that has come, and how many came before it. */
export function dueOf(
  schedule: Schedule,
  after: number,
  now: number,
): { at: number | undefined; missed: number } {
  let at: number | undefined
  let missed = 0
  let next = schedule.nextAfter(after)
  while (next !== undefined && next <= now) {
    if (at !== undefined) missed += 1
    at = next
    next = schedule.nextAfter(missed >= mostMissed ? now : next)
  }
  return { at, missed }
}
