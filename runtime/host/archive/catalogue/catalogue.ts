import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Entry } from '../../points/entry.ts'
import type { Folder } from '../../target/safe-open.ts'
import { type Point, pointsOf } from './bring-up.ts'
import { CatalogueFile } from './catalogue-file.ts'
import { entryTypes } from './tables.ts'
import { type Named, type Wanted, wantedNames } from './wanted-names.ts'

/** An entry as a catalogue has it. */
export interface CataloguedEntry extends Entry {
  /** Tells its ACLs and extended attributes from others, in hexadecimal digits; undefined where it has none. */
  attributes?: string
  /** The segment of the archive in which it stands: see `segmentTag`. */
  tag: bigint
}

/** In which archives an entry stands as it is: from `first` to `last`, or to the newest one. */
interface Seen {
  entry: CataloguedEntry
  first: number
  last: number | undefined
}

/** An entry, and in which archives it stands as it is. */
interface FoundIn {
  entry: CataloguedEntry
  seqs: number[]
}

/** To look them up takes some milliseconds; whoever wants a few need not wait for more. */
const entriesAtOnce = 500

const columns = `folder.path AS folder, member.name AS name, type, size, mtime_ns / 1000000000 AS seconds,
  mtime_ns % 1000000000 AS ns, mode, uid, gid, link, hard_link, hex(sha256) AS sha256, hex(attributes) AS attributes,
  member.id AS id`

const from = 'FROM folder JOIN member ON member.folder = folder.id'

/** The segment of a member is the last one that begins before it. */
const segmentOf = (id: string) => `(SELECT max(id) FROM segment WHERE id <= ${id})`

/** Reads the catalogue of a source. */
export class Catalogue implements Disposable {
  readonly #file: CatalogueFile
  readonly #database: DatabaseSync
  readonly #segment: StatementSync

  private constructor(file: CatalogueFile) {
    this.#file = file
    this.#database = file.database
    this.#segment = file.database.prepare(`SELECT tag, first, last FROM segment WHERE id = ${segmentOf('?')}`)
    this.#segment.setReadBigInts(true)
  }

  /** @param folder Where it lies. @returns undefined where there is none that can be used. */
  static open(folder: Folder, source: string): Catalogue | undefined {
    const file = CatalogueFile.read(folder, source)
    try {
      return file && new Catalogue(file)
    } catch {
      file?.[Symbol.dispose]()
      return undefined
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
  }

  /** The archives that it knows, the oldest first. */
  points(): Point[] {
    return pointsOf(this.#database)
  }

  /** What stood at a path in one archive. */
  entryAt(seq: number, path: Buffer): CataloguedEntry | undefined {
    const { folder, name } = placeOf(path)
    const seen = this.#seen('folder.path = ? AND member.name = ?', [folder, name])
    const entry = [...seen].find((one) => isIn(one, seq))?.entry
    return entry?.hardLinkTo ? this.#asFirstName(entry, seq) : entry
  }

  /**
   * Everything in one archive below a path, that entry too; a folder before what is in it.
   * @param depth How many levels below it; all unless given.
   */
  *entries(
    seq: number,
    under: Buffer = Buffer.alloc(0),
    depth = Number.POSITIVE_INFINITY,
  ): Generator<CataloguedEntry> {
    const top = this.entryAt(seq, under)
    if (!top) return
    yield top
    if (top.type !== 'directory' || depth === 0) return
    const [where, parameters] = depth === 1 ? inFolder(under) : below(under)
    const levels = levelsOf(under) + depth
    for (const seen of this.#seen(where, parameters, 'ORDER BY folder.path, member.name')) {
      const { entry } = seen
      if (!isIn(seen, seq) || entry.path.length === under.length || levelsOf(entry.path) > levels) continue
      yield entry.hardLinkTo ? this.#asFirstName(entry, seq) : entry
    }
  }

  /**
   * What is in one archive below a path, but not as it is in the other: few where little has changed. In no order, each once;
   * it may hold what is equal in both.
   */
  *onlyIn(seq: number, other: number, under: Buffer = Buffer.alloc(0)): Generator<CataloguedEntry> {
    const alive = (one: string) => `(segment.first <= ${one} AND ${one} <= coalesce(segment.last, ${one}))`
    const statement = this.#database.prepare(
      `SELECT ${columns} FROM segment
         JOIN member ON member.id BETWEEN segment.id AND segment.id + segment.entries - 1
         JOIN folder ON folder.id = member.folder
         WHERE ${alive(':seq')} AND NOT ${alive(':other')}`,
    )
    for (const row of statement.iterate({ ':seq': seq, ':other': other })) {
      const { entry } = this.#entryOf(row)
      if (!isPlain(entry.path)) continue
      const names =
        entry.type !== 'directory' && !entry.hardLinkTo ? this.#furtherNames(entry, seq, other) : []
      for (const name of [entry, ...names])
        if (isWithin(name.path, under)) yield name.hardLinkTo ? this.#asFirstName(name, seq) : name
    }
  }

  /**
   * Everything but the source itself that has a path that is wanted, and in which of some archives it stands as it is. In no
   * order; what is equal may come twice. Between what comes together nothing is locked, and whoever asks may wait.
   */
  *matching(wanted: Wanted, seqs: readonly number[]): Generator<FoundIn[]> {
    const named = this.#database.prepare(
      `SELECT ${columns} ${from} WHERE member.folder = ? AND member.name = ?`,
    )
    const entries = (names: readonly Named[]) =>
      names
        .flatMap(({ folder, name }) => named.all(folder, name))
        .map((row) => this.#entryOf(row))
        .filter(({ entry: { path } }) => path.length > 0 && isPlain(path))
        .flatMap((seen) => this.#among(seen, seqs))
    for (const names of wantedNames(this.#database, wanted)) {
      yield entries(names.slice(0, entriesAtOnce))
      for (let n = entriesAtOnce; n < names.length; n += entriesAtOnce)
        yield entries(names.slice(n, n + entriesAtOnce))
    }
  }

  #among(seen: Seen, seqs: readonly number[]): FoundIn[] {
    const among = seqs.filter((seq) => isIn(seen, seq))
    if (among.length === 0) return []
    if (!seen.entry.hardLinkTo) return [{ entry: seen.entry, seqs: among }]
    return among.map((seq) => ({ entry: this.#asFirstName(seen.entry, seq), seqs: [seq] }))
  }

  /** Those of a file that stand in segments which both archives have: the others are told by themselves. */
  #furtherNames({ path }: Entry, seq: number, other: number): CataloguedEntry[] {
    const seen = this.#seen('member.hard_link = ?', [path])
    return [...seen].filter((one) => isIn(one, seq) && isIn(one, other)).map(({ entry }) => entry)
  }

  *#seen(where: string, parameters: readonly SQLInputValue[], order = ''): Generator<Seen> {
    const statement = this.#database.prepare(`SELECT ${columns} ${from} WHERE ${where} ${order}`)
    for (const row of statement.iterate(...parameters)) {
      const seen = this.#entryOf(row)
      if (isPlain(seen.entry.path)) yield seen
    }
  }

  #entryOf(row: Record<string, unknown>): Seen {
    const { tag, first, last } = this.#segment.get(row.id as number) ?? {}
    const bytes = (value: unknown) => value as Uint8Array | null
    const link = bytes(row.link)
    const hardLink = bytes(row.hard_link)
    const entry: CataloguedEntry = {
      path: pathOf(Buffer.from(row.folder as Uint8Array), Buffer.from(row.name as Uint8Array)),
      type: entryTypes[row.type as number] ?? 'file',
      sizeBytes: row.size as number,
      mtimeNs: BigInt(row.seconds as number) * 1_000_000_000n + BigInt(row.ns as number),
      mode: row.mode as number,
      uid: row.uid as number,
      gid: row.gid as number,
      tag: (tag as bigint | undefined) ?? 0n,
      ...(link && { linkTo: Buffer.from(link) }),
      ...(hardLink && { hardLinkTo: Buffer.from(hardLink) }),
      ...(row.sha256 !== '' && { sha256: String(row.sha256).toLowerCase() }),
      ...(row.attributes !== '' && { attributes: String(row.attributes).toLowerCase() }),
    }
    return { entry, first: Number(first ?? 0), last: last == null ? undefined : Number(last) }
  }

  /** A further name is what the first one is, be it a link or a device: tar tells of it only whose name it is. */
  #asFirstName(entry: CataloguedEntry, seq: number): CataloguedEntry {
    const first =
      entry.hardLinkTo && !entry.hardLinkTo.equals(entry.path) && this.entryAt(seq, entry.hardLinkTo)
    if (!first) return entry
    const { type, sizeBytes, sha256, linkTo } = first
    return { ...entry, type, sizeBytes, ...(sha256 !== undefined && { sha256 }), ...(linkTo && { linkTo }) }
  }
}

function isIn({ first, last }: Seen, seq: number): boolean {
  return first <= seq && seq <= (last ?? seq)
}

function placeOf(path: Buffer): { folder: Buffer; name: Buffer } {
  const slash = path.lastIndexOf('/')
  return { folder: path.subarray(0, Math.max(slash, 0)), name: path.subarray(slash + 1) }
}

function pathOf(folder: Buffer, name: Buffer): Buffer {
  return folder.length === 0 ? name : Buffer.concat([folder, Buffer.from('/'), name])
}

function inFolder(path: Buffer): [string, Buffer[]] {
  return ['folder.path = ?', [path]]
}

function levelsOf(path: Buffer): number {
  let levels = path.length === 0 ? 0 : 1
  for (const byte of path) if (byte === 0x2f) levels += 1
  return levels
}

/** Folders that a path is, or that lie below it. `0` comes after `/`. */
function below(under: Buffer): [string, Buffer[]] {
  if (under.length === 0) return ['1', []]
  const [slash, next] = ['/', '0'].map((end) => Buffer.concat([under, Buffer.from(end)])) as [Buffer, Buffer]
  return ['(folder.path = ? OR (folder.path >= ? AND folder.path < ?))', [under, slash, next]]
}

/** A disk may come from elsewhere: nothing that stands there leads out of the source. */
function isPlain(path: Buffer): boolean {
  if (path.length === 0) return true
  return !/(?:^|\/)(?:\.{0,2})(?:\/|$)/.test(path.toString('latin1'))
}

function isWithin(path: Buffer, under: Buffer): boolean {
  if (under.length === 0 || path.equals(under)) return true
  return path[under.length] === 0x2f && path.subarray(0, under.length).equals(under)
}
