import { onTestFinished } from 'vitest'
import { backupStart, catalogue, dataOf, slotTaken } from '../../events/index.ts'
import { SlotAsker } from '../../runtime/backup/fleet/slots/asker.ts'
import { SlotKeeper } from '../../runtime/backup/fleet/slots/keeper.ts'
import type { Publication } from '../../runtime/core/bus/bus.ts'
import { type Clock, systemClock } from '../../runtime/core/clock.ts'
import { createRegistry } from '../../runtime/core/registry/registry.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { newNkey } from '../../runtime/host/fleet/nkey.ts'
import { event } from '../contract/publication.ts'

const registry = createRegistry([], catalogue)

export interface SlotHostOptions {
  server: string
  hubFolder: string
  repeatMs: number
  patienceMs?: number
  /** The backup server. */
  vault?: string
}

/** A host with one run, which waits for its slot by the product's own parts: its bus and its queue are a list. */
export class SlotHost {
  readonly name: string
  readonly notes: string[] = []
  /** How often the run has begun. */
  started = 0
  /** Told each time. */
  onStarted = () => {}
  readonly #facts: Publication['event'][] = []
  readonly #ended = Promise.withResolvers<void>()
  readonly #keeper: SlotKeeper
  #isOver = false
  #clear = () => {}

  constructor(
    name: string,
    { server, hubFolder, repeatMs, patienceMs = 3_600_000, vault = 'vault1' }: SlotHostOptions,
  ) {
    this.name = name
    const list = new HubFolder(hubFolder)
    const { publicKey: key, seed } = newNkey()
    list.keep({ host: name, key, code: null, enrolledAt: new Date().toISOString(), revokedAt: null })
    const door = { servers: [server], ca: list.trusted, seed, name, host: name }
    const root = event('root', { type: backupStart.type, runid: name, source: '/test', data: {} })
    const clock: Clock = systemClock
    const note = (message: string) => void this.notes.push(message)
    this.#keeper = new SlotKeeper({
      ...{ registry, clock, note, slot: { server: vault, patienceMs } },
      bus: {
        events: ({ types }) =>
          types ? this.#facts.filter(({ type }) => types.includes(type)) : [root, ...this.#facts],
        holdBack: async () => {},
      },
      journal: { run: () => ({ id: name, kind: 'backup', startedAt: 0 }) as never },
      publish: async (publications) => void this.#facts.push(...publications.map((one) => one.event)),
      advance: () => this.#turn(),
      ended: () => this.#ended.promise,
      makesWay: () => false,
      asker: (onAnswer) =>
        new SlotAsker({
          ...{ server: vault, note, onAnswer, repeatMs },
          door: async () => door,
          pauses: { firstPauseMs: 50, longestPauseMs: 300 },
        }),
    })
    onTestFinished(() => this.#keeper.stop())
  }

  /** Asks for its run. */
  begin(): void {
    this.#turn()
  }

  get isAtWork(): boolean {
    return this.started > 0 && !this.#isOver
  }

  /** How the run has begun. */
  get taken() {
    return this.#facts.flatMap((fact) => dataOf(slotTaken, fact) ?? [])[0]
  }

  /** Its run ends, or is cancelled. */
  finish(): void {
    this.#isOver = true
    this.#clear()
    this.#ended.resolve()
  }

  #turn(): void {
    if (this.#isOver) return
    const until = this.#keeper.putOff(this.name)
    this.#clear()
    if (until !== undefined) {
      this.#clear = systemClock.schedule(until - Date.now(), () => this.#turn())
      return
    }
    this.started += 1
    this.onStarted()
  }
}
