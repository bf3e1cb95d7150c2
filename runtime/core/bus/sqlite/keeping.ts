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
  /** Each names events of no run that are kept: SQL that gives them as `seq`, without parameters. */
  keptAlone: readonly string[]
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
  const together = [...Map.groupBy(events, ({ kept }) => kept)]
  const newest = (alone: boolean) =>
    together.flatMap(([kept, events]) =>
      typeof kept === 'object' && (kept.alone ?? false) === alone ? newestOf(kept, events) : [],
    )
  return {
    starts: typesOf(({ startsRun }) => startsRun),
    listed: typesOf(({ listed }) => listed),
    ends: typesOf(({ endsRun }) => endsRun),
    forever: typesOf(({ kept }) => kept === 'forever'),
    keptRuns: newest(false),
    keptAlone: newest(true),
  }
}

function newestOf(
  { per, inEach, where, alone = false, count = 1 }: KeepNewest,
  events: readonly JournalEvent[],
): string {
  const wanted = alone ? 'seq' : 'run_id'
  const isSubject = (key: string) => events.every(({ subject }) => subject === key)
  const textOf = (key: string) => {
    if (inEach) return `item.value ->> ${quoted(`$.${key}`)}`
    return isSubject(key) ? 'e.subject' : `e.data ->> ${quoted(`$.${key}`)}`
  }
  const from = inEach ? `logged AS e, json_each(e.data, ${quoted(`$.${inEach}`)}) AS item` : 'logged AS e'
  const conditions = [
    `e.type IN (${events.map(({ type }) => quoted(type)).join(', ')})`,
    `e.run_id IS ${alone ? 'NULL' : 'NOT NULL'}`,
    ...(where ? [`${textOf(where.key)} IN (${where.in.map(quoted).join(', ')})`] : []),
  ]
  const place = `row_number() OVER (PARTITION BY ${per.map(textOf).join(', ')} ORDER BY e.seq DESC)`
  return `SELECT ${wanted} FROM (SELECT e.${wanted}, ${place} AS place FROM ${from} WHERE ${conditions.join(' AND ')}) WHERE place <= ${count}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
