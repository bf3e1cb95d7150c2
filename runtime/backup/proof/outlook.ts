import type { Config } from '../../config/config.ts'
import { readLedger } from '../../host/proof/ledger.ts'
import { isMounted } from '../../host/target/is-mounted.ts'
import { type ReadPast, readPastOf } from '../past.ts'
import { gatherItems, type Recent } from './gather.ts'
import { type Forecast, forecast, type Item, usualBytesPerSecond } from './items.ts'

/** What there is to be proven, and how long that takes. */
export interface Outlook extends Forecast {
  /** When what was not proven for the longest time was proven, in milliseconds since the epoch; 0 for never. */
  oldestAt: number
}

/**
 * Looks how long a verification takes. Mounts nothing.
 * @param read Reads the record; the store itself unless given.
 * @returns undefined where no disk with archives is there to be looked at.
 */
export async function outlookOf(
  config: Config,
  sources: readonly string[],
  limits: { budgetMs: number | undefined; bytes: number | undefined },
  read: ReadPast = readPastOf(config),
): Promise<Outlook | undefined> {
  const to = config.archive && config.targets[config.archive.target]
  if (!to || !isThere(() => isMounted(to))) return undefined
  const told = read(({ bus }) => {
    const recent: Recent = (events, subject, limit) =>
      bus.events({ types: events.map(({ type }) => type), subject, newestFirst: true, limit })
    return sources.map((source) => gatherItems(config, source, recent))
  })
  const items: Item[] = (await Promise.all(told)).flat()
  const rates = sources.flatMap((source) => readLedger(to.path, source).bytesPerSecond ?? [])
  const rate = rates.length > 0 ? Math.max(...rates) : usualBytesPerSecond
  const oldestAt = items.length > 0 ? Math.min(...items.map(({ provenAt }) => provenAt)) : 0
  return { ...forecast(items, { ...limits, everyMs: config.verify?.every }, rate), oldestAt }
}

function isThere(look: () => boolean): boolean {
  try {
    return look()
  } catch {
    return false
  }
}
