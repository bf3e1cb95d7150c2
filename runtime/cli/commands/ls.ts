import type { Entry } from '../../host/points/entry.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import type { WhereOptions } from '../points/access.ts'
import { entryJson, longCells } from '../points/entry-text.ts'
import { nameText } from '../points/names.ts'
import { notThere } from '../points/not-there.ts'
import { openAccess } from '../points/open-access.ts'
import { table } from '../table.ts'

export interface LsOptions extends WhereOptions {
  from?: string
  at?: string
  long?: boolean
  recursive?: boolean
  json?: boolean
}

/**
 * `hdsync ls`: what was at a place. Of a folder, what is in it; `-R`, all below it.
 * @throws {UsageError} Nothing was there.
 * @throws {TerminalError} The restore point cannot be read whole: what came before has been printed.
 */
export async function lsCommand(word: string, options: LsOptions, io: Io): Promise<number> {
  await using access = await openAccess({ ...options, copy: options.from }, io)
  const place = access.place(word)
  const point = await access.point(place.source, options.at)
  const reader = access.reader(point)
  const entries = options.recursive ? reader.entries(place.path) : byName(reader.entries(place.path, 1))
  const print = options.json ? jsonPrinter(io) : textPrinter(options, io)
  if (options.json) io.stdout(`{"point":${JSON.stringify(point)},"entries":[`)
  let first: Entry | undefined
  try {
    for await (const entry of entries) {
      const isItself = !first
      first ??= entry
      // Of a folder what is in it is wanted, not itself.
      if (isItself && entry.type === 'directory') continue
      print.entry(entry, nameBelow(entry.path, isItself ? undefined : first.path))
    }
  } finally {
    print.end()
    if (options.json) io.stdout(']}\n')
  }
  if (first) return access.exitCode(exitCodes.succeeded)
  throw notThere(place, point)
}

/** A folder by name, itself first; of all below it there may be too many to hold. */
async function* byName(entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
  const all = await Array.fromAsync(entries)
  yield* all.sort((one, other) => Buffer.compare(one.path, other.path))
}

function nameBelow(path: Buffer, folder: Buffer | undefined): Buffer {
  if (folder === undefined) return path.subarray(path.lastIndexOf('/') + 1)
  return folder.length === 0 ? path : path.subarray(folder.length + 1)
}

interface Printer {
  entry(entry: Entry, name: Buffer): void
  end(): void
}

function jsonPrinter(io: Io): Printer {
  let isFirst = true
  return {
    entry(entry) {
      io.stdout(`${isFirst ? '' : ','}${JSON.stringify(entryJson(entry))}`)
      isFirst = false
    },
    end: () => {},
  }
}

/** Lines are aligned by so many. */
const atOnce = 1000

function textPrinter({ long }: LsOptions, io: Io): Printer {
  let rows: string[][] = []
  const flush = () => {
    // The head is there for the widths alone.
    if (rows.length > 0) io.stdout(withoutHead(table([['', '', '', '', '', ''], ...rows])))
    rows = []
  }
  return {
    entry(entry, name) {
      const shown = nameText(name) + (entry.type === 'directory' ? '/' : '')
      if (!long) return io.stdout(`${shown}\n`)
      rows.push(longCells(entry, shown))
      if (rows.length === atOnce) flush()
    },
    end: flush,
  }
}

function withoutHead(lines: string): string {
  return lines.slice(lines.indexOf('\n') + 1)
}
