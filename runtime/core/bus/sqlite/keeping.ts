import type { EventDefinition, KeepNewest } from '../../../../events/define.ts'

/** What the journal has to know of events: which begin and end a run, and which of them outlast it. */
export interface JournalTypes {
  starts: readonly string[]
  /** Those of `starts` whose runs are meant where no kind is named. */
  listed: readonly string[]
  ends: readonly string[]
  forever: readonly string[]
  /** Each names runs that are kept: SQL that gives them as `run_id`, without parameters. */
  keptRuns: readonly string[]
}

/** What of an event's definition says so. */
export type JournalEvent = Pick<
  EventDefinition,
  'type' | 'subject' | 'startsRun' | 'endsRun' | 'listed' | 'kept'
>

/** Reads that out of the definitions. Types, keys and values stand in SQL as they are: they are the application's own. */
export function journalTypes(catalogue: ReadonlyMap<string, JournalEvent>): JournalTypes {
  const events = [...catalogue.values()]
  const typesOf = (is: (event: JournalEvent) => boolean) => events.filter(is).map(({ type }) => type)
  const together = Map.groupBy(events, ({ kept }) => kept)
  return {
    starts: typesOf(({ startsRun }) => startsRun),
    listed: typesOf(({ listed }) => listed),
    ends: typesOf(({ endsRun }) => endsRun),
    forever: typesOf(({ kept }) => kept === 'forever'),
    keptRuns: [...together].flatMap(([kept, events]) =>
      typeof kept === 'object' ? runsWithNewest(kept, events) : [],
    ),
  }
}

function runsWithNewest(
  { per, inEach, where, count = 1 }: KeepNewest,
  events: readonly JournalEvent[],
): string {
  const isSubject = (key: string) => events.every(({ subject }) => subject === key)
  const textOf = (key: string) => {
    if (inEach) return `item.value ->> ${quoted(`$.${key}`)}`
    return isSubject(key) ? 'e.subject' : `e.data ->> ${quoted(`$.${key}`)}`
  }
  const from = inEach ? `logged AS e, json_each(e.data, ${quoted(`$.${inEach}`)}) AS item` : 'logged AS e'
  const conditions = [
    `e.type IN (${events.map(({ type }) => quoted(type)).join(', ')})`,
    'e.run_id IS NOT NULL',
    ...(where ? [`${textOf(where.key)} IN (${where.in.map(quoted).join(', ')})`] : []),
  ]
  const place = `row_number() OVER (PARTITION BY ${per.map(textOf).join(', ')} ORDER BY e.seq DESC)`
  return `SELECT run_id FROM (SELECT e.run_id, ${place} AS place FROM ${from} WHERE ${conditions.join(' AND ')}) WHERE place <= ${count}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
