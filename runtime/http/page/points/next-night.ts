import { dataOf, sourceKept } from '../../../../events/index.ts'
import { archiveHistory } from '../../../backup/keep/keeping.ts'
import { type NextNight, nextNight } from '../../../backup/keep/next-night.ts'
import { type ArchivedNight, archiveRecord } from '../../../backup/keep/points.ts'
import { keepRules } from '../../../backup/keep/tiers.ts'
import { openUnusual } from '../../../backup/mirror/unusual.ts'
import { archivesNow, targetNow } from '../../../backup/status/archives-now.ts'
import { formatBytes } from '../../../units.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { dayText, listText, numberWord, plainText, soonText } from '../look/words.ts'

/** What the next night takes of a source, and what is on record of its archives. */
export interface Outlook extends NextNight {
  at: number
  /** Whether a timer says when. */
  isTimed: boolean
  /** Nights on record, the newest first. */
  nights: readonly ArchivedNight[]
  /** Paths of archives that were removed as nothing kept them any more, and when; the newest first. */
  prunings: readonly { at: number; paths: readonly string[] }[]
}

const dayMs = 86_400_000
/** So many nights have a mark each. */
const daysBack = 60

/** @param next When it begins; where no timer says so, a day after the last one. @returns undefined where nothing is archived. */
export async function outlookOf(
  source: string,
  next: number | undefined,
  { config, engine, clock }: PageContext,
): Promise<Outlook | undefined> {
  const to = config.archive && config.targets[config.archive.target]
  if (!to || !config.sources[source]?.archive) return undefined
  const history = archiveHistory(engine.bus, source)
  const kept = { types: [sourceKept.type], subject: source, newestFirst: true, limit: daysBack }
  const record = archiveRecord(history)
  const last = record.nights[0]?.provenAt
  const at = next ?? Math.max(clock.now(), last === undefined ? 0 : last + dayMs)
  const points = await archivesNow(source, targetNow(to), record)
  const unusualAt = openUnusual(history)?.at
  return {
    ...nextNight({ points, record, rules: keepRules(config), at, unusualAt }),
    at,
    isTimed: next !== undefined,
    nights: record.nights,
    prunings: engine.bus
      .events(kept)
      .map((event) => ({ at: Date.parse(event.time), paths: dataOf(sourceKept, event)?.pruned ?? [] })),
  }
}

/** By the path of an archive, what the next night does to it. */
export function fatesOf(outlook: Outlook | undefined): ReadonlyMap<string, string> {
  const fates = new Map<string, string>()
  const say = (points: NextNight['kept'], words: string) => {
    for (const { path } of points) fates.set(path, words)
  }
  if (outlook) {
    say(outlook.replaced, 'replaced by the next night')
    say(outlook.pruned, 'goes with the next night')
    say(outlook.kept, 'kept longer by the next night')
  }
  return fates
}

/** What the next night takes, in a sentence. */
export function outlookText(outlook: Outlook | undefined, now: number): Html {
  if (!outlook) return nothing
  const { replaced, pruned, kept, waits, at, isTimed } = outlook
  const gone = [...replaced, ...pruned]
  const bytes = gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const days = (points: NextNight['kept']) =>
    points.length > 4
      ? `${numberWord(points.length)} archives`
      : `that of ${listText(points.map(({ at }) => dayText(at)))}`
  const parts = [
    gone.length === 0 ? 'takes nothing' : `takes ${days(gone)} (${formatBytes(bytes)})`,
    ...(kept.length === 0 ? [] : [`keeps ${days(kept)} longer`]),
  ]
  return html`<p class="outlook">The next night${isTimed ? `, ${soonText(at, now)},` : ''} ${listText(parts)}.${waits === undefined ? nothing : html` <span class="late">Nothing is pruned for now: ${plainText(waits)}.</span>`}</p>`
}
