import type { EventSearch } from '../journal.ts'

/** What an event must be to be found, as SQL over the table of events. */
export function conditionsOf({ types, runId, subject, since, after }: EventSearch): {
  where: string
  values: (string | number)[]
} {
  const conditions: [sql: string, ...values: (string | number)[]][] = [['TRUE']]
  if (runId !== undefined) conditions.push(['run_id = ?', runId])
  if (subject !== undefined) conditions.push(['subject = ?', subject])
  if (after !== undefined) conditions.push(['seq > ?', after])
  if (since !== undefined) conditions.push(["unixepoch(time, 'subsec') * 1000 >= ?", since])
  if (types) {
    const any = types.map(() => 'type GLOB ?').join(' OR ')
    conditions.push([`(${any || 'FALSE'})`, ...types.map(globOf)])
  }
  return {
    where: conditions.map(([sql]) => sql).join(' AND '),
    values: conditions.flatMap(([, ...values]) => values),
  }
}

/** In our patterns `*` alone is special. @see https://sqlite.org/lang_expr.html#glob */
function globOf(pattern: string): string {
  return pattern.replace(/[?[]/g, '[$&]')
}
