import { nanoid } from 'nanoid'
import { dataOf, type Envelope, runWarned, slotAwaited, slotTaken } from '../../../../events/index.ts'
import type { FleetSlot } from '../../../config/fleet.ts'
import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import type { Journal } from '../../../core/bus/journal.ts'
import type { Clock } from '../../../core/clock.ts'
import { rootPublication } from '../../../core/publication.ts'
import type { Registry } from '../../../core/registry/registry.ts'
import type { SlotAnswer } from '../../../fleet-protocol.ts'
import { isoOf } from '../../../instant.ts'
import { hubSource } from '../commands/requests.ts'
import type { SlotAsker } from './asker.ts'

export interface KeeperOptions {
  slot: FleetSlot
  bus: Pick<EventBus, 'events' | 'holdBack'>
  journal: Pick<Journal, 'run'>
  registry: Registry
  clock: Clock
  /** Tells the hub. @param onAnswer What it says. */
  asker(onAnswer: (answer: SlotAnswer) => void): Pick<SlotAsker, 'say' | 'done' | 'stop'>
  /** Puts facts on the bus. */
  publish(publications: readonly Publication[]): Promise<unknown>
  /** Has runs that are ready for their turn begin. */
  advance(): void
  /** Waits until a run has ended. */
  ended(run: string): Promise<void>
  /** Whether a run of this kind makes way for others: it is begun after them. */
  makesWay(kind: string | undefined): boolean
  note(message: string): void
}

/** Runs that load a backup server. */
const kinds = ['backup', 'copy']

/** Why a run need not wait any more. */
type Turn = 'granted' | 'patience' | 'unknown' | 'passed'

/**
 * Has the runs of a host wait for a slot of its backup server. A run that waits is put off on the bus until its patience is at an end, so that it
 * begins then at the latest, whichever process is at work; meanwhile others have their turn. What it waits for is on record with it.
 *
 * One run at a time has the slot. The hub names a wait by its `ask`; what it says of another one is passed over.
 */
export class SlotKeeper {
  readonly #options: KeeperOptions
  readonly #asker: Pick<SlotAsker, 'say' | 'done' | 'stop'>
  /** Runs that wait, in their order. */
  readonly #waiting = new Set<string>()
  /** Runs that wait no more, and have not ended. */
  readonly #turns = new Map<string, Turn>()
  readonly #watched = new Set<string>()
  /** What the hub was asked for; `run` once that has come to an end, and it is at work. */
  #ask: { id: string; run?: string } | undefined
  #wasPaused = false

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#asker = options.asker((answer) => this.#hear(answer))
  }

  /** Whether a run waits. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /**
   * Until when a run whose turn has come is put off; undefined where it begins. It takes effect at once: what the caller does with the answer it
   * has to do in the same turn of the loop, as the run may be cancelled in the next one.
   */
  putOff(run: string): number | undefined {
    const { journal, clock, registry, slot, note } = this.#options
    if (!kinds.includes(journal.run(run)?.kind ?? '')) return undefined
    const now = clock.now()
    const since = this.#awaited(run)
    // By the amount, as the clock may have been set back.
    const until = since ? Math.min(since.until, now + slot.patienceMs) : now + slot.patienceMs
    // What was put off here has its turn again when that is over, whatever the clock shows by then.
    if (!this.#turns.has(run) && (until <= now || this.#waiting.has(run))) this.#turns.set(run, 'patience')
    if (!this.#turns.has(run) && this.#isPassed(run)) this.#turns.set(run, 'passed')
    this.#watch(run)
    const turn = this.#turns.get(run)
    if (turn) {
      this.#begin(run, turn, Math.max(0, now - (since?.at ?? now)))
      return undefined
    }
    if (!since) {
      const facts = { server: slot.server, until: isoOf(until) }
      this.#record(rootPublication(registry, slotAwaited, facts, { now, runId: run }))
    } else note(`run ${run} still waits for a slot of ${slot.server}, until ${isoOf(until)}`)
    this.#waiting.add(run)
    this.#want()
    return until
  }

  /** A run that waits and began with the same. */
  like({ type, data }: Pick<Envelope, 'type' | 'data'>): string | undefined {
    const text = JSON.stringify(data)
    return [...this.#waiting].find((run) => {
      const root = this.#root(run)
      return root?.type === type && JSON.stringify(root.data) === text
    })
  }

  /** What there is to put on record where somebody has said that a run does not wait, whichever process begins it. */
  passing(run: string): Publication[] {
    const { registry, clock, slot } = this.#options
    const now = clock.now()
    const waitedMs = Math.max(0, now - (this.#awaited(run)?.at ?? now))
    const facts = { server: slot.server, waitedMs, without: 'passed' as const }
    return [rootPublication(registry, slotTaken, facts, { now, runId: run })]
  }

  /** Once that is on record: one that waits already begins. */
  pass(run: string): void {
    if (this.#waiting.has(run)) this.#release(run, 'passed')
  }

  async stop(): Promise<void> {
    await this.#asker.stop()
  }

  #hear({ ask, state, isPaused = false }: SlotAnswer): void {
    if (this.#ask?.id !== ask || this.#ask.run !== undefined) return
    if (state === 'waits') this.#notePause(isPaused)
    if (state === 'unknown') {
      this.#ask = undefined
      this.#asker.done()
      for (const run of [...this.#waiting]) this.#release(run, 'unknown')
    }
    const run = this.#best()
    if (state !== 'granted' || run === undefined) return
    this.#ask = { id: ask, run }
    this.#asker.say({ ask, state: 'has' })
    this.#release(run, 'granted')
  }

  #notePause(isPaused: boolean): void {
    const { note, slot } = this.#options
    if (isPaused && !this.#wasPaused)
      note(`fleet: the hub has paused ${slot.server}: a run goes on once its patience is at an end`)
    this.#wasPaused = isPaused
  }

  /** Gives a run its turn again. */
  #release(run: string, turn: Turn): void {
    const { bus, advance } = this.#options
    this.#waiting.delete(run)
    this.#turns.set(run, turn)
    bus.holdBack(run).then(advance, () => {
      // The store fails: others tell of that. On the disk it stands until when the run is put off.
    })
  }

  #begin(run: string, turn: Turn, waitedMs: number): void {
    const { slot, registry, clock } = this.#options
    const { server } = slot
    this.#waiting.delete(run)
    if ((turn === 'patience' || turn === 'passed') && this.#ask?.run === undefined) {
      // The hub counts it as one that is at work, so that not too many others are.
      this.#ask = { id: this.#ask?.id ?? nanoid(), run }
      this.#asker.say({ ask: this.#ask.id, state: 'has', alone: true })
    }
    if (turn === 'passed') return
    const told = { now: clock.now(), runId: run }
    const without = turn === 'granted' ? null : turn
    this.#record(rootPublication(registry, slotTaken, { server, waitedMs, without }, told))
    if (turn !== 'unknown') return
    const reason = `the hub has no slots for ${server}, the \`fleet.slot.server\` of this host: the run did not wait`
    this.#record(rootPublication(registry, runWarned, { reason }, told))
  }

  /** Asks the hub, if somebody waits and it is not asked. */
  #want(): void {
    const run = this.#best()
    if (this.#ask || run === undefined) return
    const root = this.#root(run)
    const id = nanoid()
    this.#ask = { id }
    this.#asker.say({ ask: id, state: 'wants', ...(root?.source === hubSource && { command: root.id }) })
  }

  /** The run that is begun first. */
  #best(): string | undefined {
    const { journal, makesWay } = this.#options
    const runs = [...this.#waiting]
    return runs.find((run) => !makesWay(journal.run(run)?.kind)) ?? runs[0]
  }

  #watch(run: string): void {
    if (this.#watched.has(run)) return
    this.#watched.add(run)
    const forget = () => this.#forget(run)
    // What keeps a run from ending ends this process.
    this.#options.ended(run).then(forget, forget)
  }

  #forget(run: string): void {
    this.#watched.delete(run)
    this.#waiting.delete(run)
    this.#turns.delete(run)
    const isOver = this.#ask?.run === run || (this.#ask?.run === undefined && this.#waiting.size === 0)
    if (!this.#ask || !isOver) return
    this.#ask = undefined
    this.#asker.done()
    this.#want()
  }

  /** What is on record of its wait, whichever process began it. In milliseconds since the epoch. */
  #awaited(run: string): { at: number; until: number } | undefined {
    const [event] = this.#options.bus.events({ runId: run, types: [slotAwaited.type], limit: 1 })
    const data = event && dataOf(slotAwaited, event)
    return data && { at: Date.parse(event.time), until: Date.parse(data.until) }
  }

  #isPassed(run: string): boolean {
    return this.#options.bus
      .events({ runId: run, types: [slotTaken.type] })
      .some((event) => dataOf(slotTaken, event)?.without === 'passed')
  }

  #root(run: string): Envelope | undefined {
    return this.#options.bus.events({ runId: run, limit: 1 })[0]
  }

  #record(fact: Publication): void {
    // The next turn meets what keeps it from the disk.
    this.#options.publish([fact]).catch(() => {})
  }
}
