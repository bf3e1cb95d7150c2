import { shellQuote, shellQuoteBytes } from '../../shell-quote.ts'
import { type Place, placeText } from './place.ts'

/** What of the options of `hdsync restore` stands in a command that can be pasted. */
export interface RestoreLine {
  config?: string
  disk?: string
  vault?: string
  keyFile?: string
  knownHosts?: string
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
    vault,
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
    ...(config === undefined || disk !== undefined || vault !== undefined
      ? []
      : ['--config', shellQuote([config])]),
    ...(disk === undefined ? [] : ['--disk', shellQuote([disk])]),
    ...vaultWords(options).map((word) => shellQuote([word])),
  ].join(' ')
}

/** The words that name a vault, as they were given. */
export function vaultWords({ vault, keyFile, knownHosts }: RestoreLine): string[] {
  if (vault === undefined) return []
  return [
    ...['--vault', vault],
    ...(keyFile === undefined ? [] : ['--key-file', keyFile]),
    ...(knownHosts === undefined ? [] : ['--known-hosts', knownHosts]),
  ]
}

/** A place as it is typed, of any bytes. */
export function placeWord({ source, path }: Place): string {
  if (path.length === 0) return shellQuote([placeText({ source, path })])
  return shellQuoteBytes(Buffer.concat([Buffer.from(`${source}:`), path]))
}
