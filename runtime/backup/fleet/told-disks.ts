import { setTimeout as sleep } from 'node:timers/promises'
import { runEnds, sourceArchived } from '../../../events/index.ts'
import type { Config, Target } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { systemClock } from '../../core/clock.ts'
import { mostDisks, type ToldDisk } from '../../fleet-protocol.ts'
import { roomNights, roomOf } from '../status/disk-room.ts'
import { forecastRoom, roomSamples } from '../status/room.ts'

type Disks = Pick<Config, 'targets' | 'archive'>

/** A disk that hangs must not keep a host from telling how its night went. */
const patienceMs = 2000

/** How the disks of a host's targets stand, as it tells its hub: looked at when a run has ended, and not with each message. */
export class ToldDisks {
  readonly #config: Disks
  readonly #bus: Pick<EventBus, 'events'>
  #known: ToldDisk[] | undefined

  constructor(config: Disks, bus: Pick<EventBus, 'events'>) {
    this.#config = config
    this.#bus = bus
  }

  /** As they were when they were looked at last; undefined before, and where nothing is known of any. */
  get known(): ToldDisk[] | undefined {
    return this.#known
  }

  /** Never throws, and takes no longer than two seconds. */
  async look(): Promise<void> {
    const ended = new AbortController()
    const late = sleep(patienceMs, undefined, { signal: ended.signal, ref: false }).catch(() => undefined)
    const found = await Promise.race([disksNow(this.#config, this.#bus).catch(() => undefined), late])
    ended.abort()
    if (found && found.length > 0) this.#known = found
  }
}

const ends = new Set<string>(runEnds.map(({ type }) => type))

/** Whether the disks are worth another look after an event. */
export function isEndOfRun({ type }: { type: string }): boolean {
  return ends.has(type)
}

async function disksNow({ targets, archive }: Disks, bus: Pick<EventBus, 'events'>): Promise<ToldDisk[]> {
  const [last] = bus.events({ types: [sourceArchived.type], newestFirst: true, limit: 1 })
  const nights = last?.subject === undefined ? [] : roomNights([last.subject], bus, systemClock.now())
  const perDayBytes = forecastRoom(roomSamples(nights))?.perDayBytes ?? null
  const looked = Object.values(targets)
    .slice(0, mostDisks)
    .map(async (target: Target): Promise<ToldDisk[]> => {
      const isOfArchives = target.name === archive?.target
      const { freeBytes, totalBytes } = await roomOf(target, isOfArchives ? nights : [])
      if (freeBytes === null || totalBytes === null) return []
      return [{ target: target.name, freeBytes, totalBytes, perDayBytes: isOfArchives ? perDayBytes : null }]
    })
  return (await Promise.all(looked)).flat()
}
