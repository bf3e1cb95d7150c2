import type { Config, Target } from '../../config/config.ts'
import { readLedger } from '../../host/proof/ledger.ts'
import { isMounted } from '../../host/target/is-mounted.ts'
import { type ReadPast, readPastOf } from '../past.ts'
import { archivesOf, gatherItems, type Recent } from './gather.ts'
import { type Forecast, forecast, type Item, usualBytesPerSecond } from './items.ts'

/** What there is to be proven, and how long that takes. */
export interface Outlook extends Forecast {
  /** When what was not proven for the longest time was proven, in milliseconds since the epoch; 0 for never. */
  oldestAt: number
}

/**
 * Looks how long a verification takes. Mounts nothing.
 * @param read Reads the record; the store itself unless given.
 * @returns undefined where not all disks with archives, or with mirrors of which there are none, are there to be looked at.
 */
export async function outlookOf(
  config: Config,
  sources: readonly string[],
  limits: { budgetMs: number | undefined; bytes: number | undefined },
  read: ReadPast = readPastOf(config),
): Promise<Outlook | undefined> {
  const looked = new Set(sources.flatMap((source) => targetsOf(config, source)[0] ?? []))
  if (![...looked].every((target) => isThere(() => isMounted(target)))) return undefined
  const told = read(({ bus }) => {
    const recent: Recent = (events, subject, limit) =>
      bus.events({ types: events.map(({ type }) => type), subject, newestFirst: true, limit })
    return sources.map((source) => gatherItems(config, source, recent))
  })
  const items: Item[] = (await Promise.all(told)).flat()
  const rates = sources.flatMap((source) =>
    targetsOf(config, source).flatMap(({ path }) => readLedger(path, source).bytesPerSecond ?? []),
  )
  const rate = rates.length > 0 ? Math.max(...rates) : usualBytesPerSecond
  const oldestAt = items.length > 0 ? Math.min(...items.map(({ provenAt }) => provenAt)) : 0
  return { ...forecast(items, { ...limits, everyMs: config.verify?.every }, rate), oldestAt }
}

/** Where the backups of a source are, its archives first. */
function targetsOf(config: Config, source: string): Target[] {
  const to = archivesOf(config, source)
  const from = config.targets[config.sources[source]?.target ?? '']
  return [...new Set([...(to ? [to] : []), ...(from ? [from] : [])])]
}

function isThere(look: () => boolean): boolean {
  try {
    return look()
  } catch {
    return false
  }
}
