import { beforeEach } from 'vitest'
import type { Delivery, EventBus, Settlement, Turn, TurnResult } from '../../runtime/core/bus/bus.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'

export const leaseMs = 1000
/** Of the events of publication.ts. */
export const eventTime = Date.UTC(2026, 0, 1)
export const attempt = { startedAt: 10, endedAt: 20 }

/** A bus in a folder of its own, and how tests talk to it. */
export interface BusBench {
  readonly bus: EventBus
  readonly directory: string
  /** The module that opens the bus, for other processes. */
  readonly opener: URL
  reopen(): void
  exchange(turn?: Partial<Turn>): Promise<TurnResult>
  /** Claims what is ready, one at most. */
  claimOne(now?: number): Promise<Delivery>
  claimedIds(turn?: Partial<Turn>): Promise<string[]>
  settle(...settle: Settlement[]): Promise<TurnResult>
  /** Ids of the events on it. */
  stored(): string[]
}

/** To be called in a describe(): before each test the bus is a new one. */
export function busBench(open: (directory: string) => EventBus, opener: URL): BusBench {
  let directory: string
  let bus: EventBus
  beforeEach(({ onTestFinished }) => {
    directory = temporaryFolder()
    bus = open(directory)
    onTestFinished(() => bus.close())
  })
  const exchange = (turn: Partial<Turn> = {}) =>
    bus.exchange({ now: 0, renew: [], settle: [], claim: 100, leaseMs, ...turn })
  return {
    get bus() {
      return bus
    },
    get directory() {
      return directory
    },
    opener,
    reopen() {
      bus.close()
      bus = open(directory)
    },
    exchange,
    async claimOne(now = 0) {
      const { claimed } = await exchange({ now, claim: 1 })
      if (!claimed[0]) throw new Error('nothing is ready')
      return claimed[0]
    },
    claimedIds: async (turn = {}) => idsOf((await exchange(turn)).claimed),
    settle: (...settle) => exchange({ settle, claim: 0 }),
    stored: () => bus.events({}).map(({ id }) => id),
  }
}

export function idsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ event: { id } }) => id)
}
