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
  allowUnencrypted?: boolean
  to?: string
  inPlace?: boolean
  delete?: boolean
  exclude?: string[]
  owners?: string
  allowDeletions?: number
}

/** The command that restores places. */
export function restoreLine(places: readonly Place[], options: RestoreLine): string {
  const { config, disk, vault, exclude = [] } = options
  return [
    'hdsync restore',
    ...places.map(placeWord),
    ...words('--at', options.at),
    ...words('--from', options.from),
    ...words('--identity', options.identity),
    ...words('--allow-unencrypted', options.allowUnencrypted),
    ...words('--in-place', options.inPlace),
    ...words('--to', options.to),
    ...words('--delete', options.delete),
    ...words('--allow-deletions', options.allowDeletions),
    ...exclude.flatMap((pattern) => words('--exclude', pattern)),
    ...words('--owners', options.owners),
    ...words('--config', disk === undefined && vault === undefined ? config : undefined),
    ...words('--disk', disk),
    ...vaultWords(options).map((word) => shellQuote([word])),
  ].join(' ')
}

/** An option as it is typed; nothing where it is not given. */
function words(option: string, value: string | number | boolean | undefined): string[] {
  if (value === undefined || value === false) return []
  return value === true ? [option] : [option, shellQuote([String(value)])]
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
