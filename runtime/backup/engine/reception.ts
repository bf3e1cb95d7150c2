import { backupStart } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { Publication } from '../../core/bus/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Dispatcher } from '../../core/dispatcher.ts'
import { Intake, isHeldBack, type Receipt, type Submission } from '../../core/intake.ts'
import { newRunId } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { leaveOutGuests } from '../../core/registry/safe-runs.ts'
import type { SubmitOptions } from '../engine.ts'
import type { SlotKeeper } from '../fleet/slots/keeper.ts'
import { checkRequest, joining, requestPublication, runOf } from './requests.ts'
import type { Store } from './store.ts'

interface ReceptionOptions {
  store: Store
  dispatcher: Dispatcher
  clock: Clock
  config: Config
  registry: Registry
  /** Called whenever something was recorded. */
  onRecorded(): void
  /** What has runs wait for others of their fleet. */
  slots?: Pick<SlotKeeper, 'like' | 'passing' | 'pass'> | undefined
}

/** Takes events from outside. */
export class Reception {
  readonly #options: ReceptionOptions
  readonly #intake: Intake
  /** What runs that are asked for now will begin with. */
  #next: Pick<ReceptionOptions, 'config' | 'registry'>

  constructor(options: ReceptionOptions) {
    this.#options = options
    this.#intake = new Intake((publications) => options.dispatcher.publish(publications))
    this.#next = options
  }

  judgeBy(config: Config, registry: Registry): void {
    this.#next = { config, registry }
  }

  /**
   * Checks an event. @returns Puts it on the bus; a run joins one that waits and will do the same.
   * @throws {RejectedEventError} Its type may not be triggered, or its data does not fit.
   */
  prepare(
    submission: Submission,
    { safe = false, noSlot = false, beside }: SubmitOptions = {},
  ): () => Promise<Receipt> {
    const { store, clock, slots } = this.#options
    const runId = newRunId()
    if (safe) leaveOutGuests(runId)
    const { config, registry } = submission.type === backupStart.type ? this.#next : this.#options
    const publication = requestPublication(submission, registry, { now: clock.now(), runId })
    checkRequest(publication, config)
    const { event } = publication
    const { id: eventId, source } = event
    return async () => {
      const known = store.bus.find(source, eventId)
      if (known) return { runId: runOf(known), eventId, duplicate: true }
      const twin =
        isHeldBack(publication) && !safe
          ? (this.#intake.like(event) ?? store.bus.heldLike(event) ?? slots?.like(event))
          : undefined
      const run = twin ?? runId
      const passing = noSlot ? (slots?.passing(run) ?? []) : []
      const taken = await this.put(twin === undefined ? publication : joining(publication, twin), [
        ...passing,
        ...(beside?.(run) ?? []),
      ])
      if (noSlot) slots?.pass(run)
      if (!taken) return { runId: runOf(store.bus.find(source, eventId)), eventId, duplicate: true }
      if (twin === undefined) return { runId, eventId, duplicate: false }
      return { runId: twin, eventId, duplicate: false, joined: true }
    }
  }

  /**
   * @param beside What is put on the bus in one transaction with it.
   * @returns Whether it was taken, once it is on the disk. @throws {StoreError} It is not recorded.
   */
  async put(publication: Publication, beside: readonly Publication[] = []): Promise<boolean> {
    const { store, dispatcher, onRecorded } = this.#options
    try {
      const all = [publication, ...beside]
      const [taken] = await store.record(() => Promise.all(all.map((one) => this.#intake.put(one))))
      onRecorded()
      return taken ?? false
    } catch (error) {
      // What cannot go on at all ends with the next turn.
      dispatcher.wake()
      throw error
    }
  }
}
