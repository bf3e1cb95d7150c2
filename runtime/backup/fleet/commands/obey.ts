import {
  backupJoined,
  backupStart,
  commandRefused,
  commandTaken,
  syncMeant,
  syncUnusual,
} from '../../../../events/index.ts'
import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import { cancelReason } from '../../../core/cancel-reason.ts'
import { eventSource, factPublication } from '../../../core/publication.ts'
import { reasonOf, UsageError } from '../../../errors.ts'
import {
  answerId,
  type Command,
  cancelType,
  configSet,
  readMessage,
  signedCommand,
} from '../../../fleet-protocol.ts'
import { runOf } from '../../engine/requests.ts'
import type { Engine } from '../../engine.ts'
import { openUnusualOf } from '../../mirror/unusual.ts'
import { Flood } from './flood.ts'
import { judgeCommand, type Obedience } from './judge-command.ts'
import { cancelRequest, hubSource, releaseRequest } from './requests.ts'

export type ObeyingEngine = Pick<
  Engine,
  'bus' | 'fleet' | 'registry' | 'submit' | 'held' | 'release' | 'cancel'
>

type Terms = Pick<Obedience, 'obeys' | 'keepMs'>

export interface ObeyerOptions {
  note(message: string): void
  /** Takes what the hub sets in the config. @throws {UsageError} It is refused; nothing has changed. */
  configure(request: unknown): void
}

/**
 * Does what the hub asks for, so far as the config of this host says so. Each command is answered once, by an event that the hub is told;
 * what it begins is put on the bus in one transaction with that.
 */
export class Obeyer {
  readonly #engine: ObeyingEngine
  #terms: Terms
  readonly #options: ObeyerOptions
  #last: Promise<void> = Promise.resolve()
  readonly #flood = new Flood(performance.now())
  #told = ''

  constructor(engine: ObeyingEngine, terms: Terms, options: ObeyerOptions) {
    this.#engine = engine
    this.#terms = terms
    this.#options = options
  }

  /** Does nothing more but what stands here as well. */
  obeyOnly(types: readonly string[]): void {
    const obeys = this.#terms.obeys.filter((type) => types.includes(type))
    this.#terms = { ...this.#terms, obeys }
  }

  /** Takes a message, one after the other. @param who Whose commands are meant, and by whom they have to be signed. */
  take(bytes: Uint8Array, who: Pick<Obedience, 'host' | 'ca'>): void {
    // One may wait for the end of a run that it cancels; meanwhile any number can come.
    const flaw = this.#flood.enter(bytes.length, performance.now())
    if (flaw !== undefined) {
      this.#warn(`fleet: passed over a command: ${flaw}`)
      return
    }
    this.#last = this.#last
      .then(() => this.#answer(bytes, who))
      // It is sent again.
      .catch((error) => this.#warn(`fleet: a command of the hub waits: ${reasonOf(error)}`))
      .finally(() => {
        this.#flood.leave(bytes.length)
      })
  }

  /** Waits until what has come is answered. */
  async settled(): Promise<void> {
    await this.#last
  }

  async #answer(bytes: Uint8Array, who: Pick<Obedience, 'host' | 'ca'>): Promise<void> {
    const signed = readMessage(signedCommand, bytes)
    if (!signed) return
    const verdict = judgeCommand(signed, { ...who, ...this.#terms, now: Date.now() })
    if ('strange' in verdict) return this.#warn(`fleet: passed over a command: ${verdict.strange}`)
    const { command, refusal } = verdict
    if (this.#engine.bus.find(eventSource, answerId(command.id))) return
    if (refusal !== undefined) return this.#refuse(command, refusal)
    try {
      await this.#begin(command)
      this.#options.note(`fleet: the hub has asked for ${command.type}`)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      this.#refuse(command, reasonOf(error))
    }
  }

  async #begin({ id, type, request, issuedAt }: Command): Promise<void> {
    const beside = (run: string) => [this.#taken({ id, type }, run)]
    if (type === cancelType) return this.#cancel({ id, type, request })
    if (type === configSet) {
      this.#options.configure(request)
      this.#put(this.#taken({ id, type }, null))
      return
    }
    if (type === syncMeant.type) return this.#release({ id, type, request, issuedAt })
    await this.#engine.submit({ type, data: request, source: hubSource, id }, { beside })
  }

  /** As `hdsync release` does: what is held, so far as the hub has seen it, or else what was unusual. */
  async #release({
    id,
    type,
    request,
    issuedAt,
  }: Pick<Command, 'id' | 'type' | 'request' | 'issuedAt'>): Promise<void> {
    const { bus, held, submit, release } = this.#engine
    const wanted = releaseRequest.safeParse(request).data
    if (!wanted) throw new UsageError('it names no source')
    const { source, run } = wanted
    const hold = held().find((one) => one.source === source)
    if (hold && hold.run !== run)
      throw new UsageError(`what is held of ${source} now is of run ${hold.run}, which the hub has not seen`)
    if (hold) {
      const beside = (began: string) => [this.#taken({ id, type }, began)]
      await release(source, hubSource, { id, beside })
      return
    }
    if (run !== null || !openUnusualOf(bus, source))
      throw new UsageError(`nothing of ${source} is held, and nothing unusual about it is in question`)
    const [last] = bus.events({ types: [syncUnusual.type], subject: source, newestFirst: true, limit: 1 })
    if (last && last.time > issuedAt)
      throw new UsageError(
        `what is unusual about ${source} is of ${last.time}: the hub has asked before that`,
      )
    const beside = () => [this.#taken({ id, type }, null)]
    await submit({ type, data: { source }, source: hubSource, id }, { beside })
  }

  /** A command that has not come yet is refused from now on. */
  async #cancel({ id, type, request }: Pick<Command, 'id' | 'type' | 'request'>): Promise<void> {
    const { bus, cancel } = this.#engine
    const other = cancelRequest.parse(request)
    const begun = bus.find(hubSource, other.command)
    // What is released begins a backup.
    const began = other.type === syncMeant.type ? [syncMeant.type, backupStart.type] : [other.type]
    if (!begun && bus.find(eventSource, answerId(other.command))) {
      throw new UsageError('it was answered already: nothing of it is going on')
    } else if (!begun) {
      this.#refuse({ id: other.command, type: other.type }, 'the hub has withdrawn it')
    } else if (!began.includes(begun.type)) {
      throw new UsageError(`it has joined run ${runOf(begun)}, which somebody else has asked for`)
    } else if (isJoined(runOf(begun), begun.time, bus)) {
      throw new UsageError(`somebody else has asked for run ${runOf(begun)} too: end it on the host`)
    } else if (!(await cancel(runOf(begun), cancelReason('hub')))) {
      throw new UsageError(`run ${runOf(begun)} has ended`)
    }
    this.#put(this.#taken({ id, type }, null))
  }

  #refuse({ id: command, type }: Pick<Command, 'id' | 'type'>, reason: string): void {
    const fact = factPublication(this.#engine.registry, commandRefused, { command, type, reason }, Date.now())
    this.#put(named(fact, command))
    this.#warn(`fleet: the hub has asked for ${type}: refused: ${reason}`)
  }

  #taken({ id: command, type }: Pick<Command, 'id' | 'type'>, run: string | null): Publication {
    const fact = factPublication(this.#engine.registry, commandTaken, { command, type, run }, Date.now())
    return named(fact, command)
  }

  #put(publication: Publication): void {
    this.#engine.fleet.publishWith(() => [publication])
  }

  /** Each reason once in a row: whoever has taken the server over can send any number. */
  #warn(message: string): void {
    if (message !== this.#told) this.#options.note(message)
    this.#told = message
  }
}

/** Whether others wait for a run as well: the night of a timer is not the hub's to cancel. @param since When the run was asked for. */
function isJoined(run: string, since: string, bus: Pick<EventBus, 'events'>): boolean {
  const joined = bus.events({ types: [backupJoined.type], since })
  return joined.some((event) => event.source !== hubSource && runOf(event) === run)
}

/** By its id the bus keeps a command from being answered twice. */
function named({ event, ...rest }: Publication, command: string): Publication {
  return { ...rest, event: { ...event, id: answerId(command) } }
}
