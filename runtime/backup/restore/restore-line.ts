import { shellQuote, shellQuoteBytes } from '../../shell-quote.ts'
import { type Place, placeText } from './place.ts'

/** What of the options of `hdsync restore` stands in a command that can be pasted. */
export interface RestoreLine {
  config?: string
  disk?: string
  /** An id, as it says the same tomorrow. */
  at?: string
  from?: string
  identity?: string
  to?: string
  inPlace?: boolean
  delete?: boolean
  exclude?: string[]
  owners?: string
  allowDeletions?: number
}

/** The command that restores places. */
export function restoreLine(places: readonly Place[], options: RestoreLine): string {
  const {
    config,
    disk,
    at,
    from,
    identity,
    to,
    inPlace,
    delete: deletes,
    exclude = [],
    owners,
    allowDeletions,
  } = options
  return [
    'hdsync restore',
    ...places.map(placeWord),
    ...(at === undefined ? [] : ['--at', shellQuote([at])]),
    ...(from === undefined ? [] : ['--from', shellQuote([from])]),
    ...(identity === undefined ? [] : ['--identity', shellQuote([identity])]),
    ...(inPlace ? ['--in-place'] : []),
    ...(to === undefined ? [] : ['--to', shellQuote([to])]),
    ...(deletes ? ['--delete'] : []),
    ...(allowDeletions === undefined ? [] : ['--allow-deletions', String(allowDeletions)]),
    ...exclude.flatMap((pattern) => ['--exclude', shellQuote([pattern])]),
    ...(owners === undefined ? [] : ['--owners', owners]),
    ...(config === undefined || disk !== undefined ? [] : ['--config', shellQuote([config])]),
    ...(disk === undefined ? [] : ['--disk', shellQuote([disk])]),
  ].join(' ')
}

/** A place as it is typed, of any bytes. */
export function placeWord({ source, path }: Place): string {
  if (path.length === 0) return shellQuote([placeText({ source, path })])
  return shellQuoteBytes(Buffer.concat([Buffer.from(`${source}:`), path]))
}
