import { gatherItems, type Recent } from '../../backup/proof/gather.ts'
import { type Forecast, forecast, type Item, usualBytesPerSecond } from '../../backup/proof/items.ts'
import type { Config } from '../../config/config.ts'
import { readLedger } from '../../host/proof/ledger.ts'
import { formatBytes, formatDuration } from '../../units.ts'
import { isMounted } from '../keep/on-target.ts'
import { readPast } from '../past.ts'

/** What there is to be proven, and how long that takes. */
export interface Outlook extends Forecast {
  /** When what was not proven for the longest time was proven, in milliseconds since the epoch; 0 for never. */
  oldestAt: number
}

/**
 * Looks how long a verification takes. Mounts nothing.
 * @returns undefined where no disk with archives is there to be looked at.
 */
export async function outlookOf(
  config: Config,
  sources: readonly string[],
  limits: { budgetMs: number | undefined; bytes: number | undefined },
): Promise<Outlook | undefined> {
  const to = config.archive && config.targets[config.archive.target]
  if (!to || !isThere(() => isMounted(to))) return undefined
  const told = readPast(config, ({ bus }) => {
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

/** `reads up to 50 GiB of 3 TiB, in about 8m; all of it once: about 60d`. */
export function outlookText({ bytes, totalBytes, ms, turnMs }: Outlook): string {
  const what =
    bytes < totalBytes ? `up to ${formatBytes(bytes)} of ${formatBytes(totalBytes)}` : formatBytes(bytes)
  const turn = bytes < totalBytes ? `; all of it once: about ${formatDuration(turnMs)}` : ''
  return `reads ${what}, in about ${formatDuration(Math.max(1000, ms))}${turn}`
}

function isThere(look: () => boolean): boolean {
  try {
    return look()
  } catch {
    return false
  }
}
