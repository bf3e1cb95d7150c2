import { hash } from 'node:crypto'

/** A few neighbours in a mirror, in the order of a walk, that stand together in an archive. */
export interface Segment {
  /**
   * Tells whether anything about them has changed: of equal keys, the files are the same. Undefined where that could not
   * be told next time.
   */
  key: Buffer | undefined
  entries: number
  /** Their paths, each `source/path` and ended by a NUL. */
  paths: Buffer
}

export const keyBytes = 16

/** How many entries stand together on average: fewer are written anew for one that has changed, more pack better. */
const meanEntries = 2
const mostEntries = 64
/** A file from this size on stands alone: it packs no better beside others, and is written anew for none of them. */
const largeBytes = 8 * 1024
const slash = Buffer.from('/')

/** A folder changes with every file that comes or goes in it; what has several names cannot be told from its own. */
type Kind = 'folder' | 'shared' | 'single'

/** What find(1) tells of each entry, ended by a NUL, and then its path, ended by another. */
export const printed = '%y %n %s %C@ %T@ %i %m %U %G\\0%P\\0'

/**
 * Cuts what a walk finds into segments. Where a cut is made depends on the names around it alone, so that a file that
 * comes or goes moves none but the nearest ones. The time of change, which only the kernel can set, the inode and the rest
 * of what it knows make the key. Entries with several names are never taken from an earlier archive: which of the
 * names comes with the contents depends on all of them.
 */
export class SegmentCutter {
  readonly #source: Buffer
  readonly #changedSince: number
  #rest: Buffer = Buffer.alloc(0)
  #facts: Buffer[] = []
  #paths: Buffer[] = []
  #kind: Kind = 'single'
  #isFresh = false

  /**
   * @param source The name of the source.
   * @param changedSince What was changed since then, in seconds since the epoch, may be changed again without its
   *   telling: the clock of the file system has not gone on.
   */
  constructor(source: string, changedSince: number) {
    this.#source = Buffer.from(source)
    this.#changedSince = changedSince
  }

  /** @returns The segments that are complete now. */
  add(chunk: Buffer): Segment[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : Buffer.from(chunk)
    const segments: Segment[] = []
    let at = 0
    for (;;) {
      const factsEnd = bytes.indexOf(0, at)
      const pathEnd = factsEnd < 0 ? -1 : bytes.indexOf(0, factsEnd + 1)
      if (pathEnd < 0) break
      this.#entry(bytes.subarray(at, pathEnd + 1), factsEnd - at, segments)
      at = pathEnd + 1
    }
    this.#rest = bytes.subarray(at)
    return segments
  }

  end(): Segment[] {
    if (this.#rest.length > 0) throw new Error('the walk through the mirror was cut off')
    return this.#cut()
  }

  #entry(record: Buffer, factsLength: number, segments: Segment[]): void {
    const [type, names, size, changedAt] = record.toString('latin1', 0, factsLength).split(' ')
    // Archives hold no sockets.
    if (type === 's') return
    const kind: Kind = type === 'd' ? 'folder' : Number(names) > 1 ? 'shared' : 'single'
    const isLarge = type === 'f' && Number(size) >= largeBytes
    const isFull = this.#facts.length >= mostEntries
    if (isLarge || isFull || kind !== this.#kind) segments.push(...this.#cut())
    this.#facts.push(record)
    const path = record.subarray(factsLength + 1)
    this.#paths.push(this.#source, slash, path)
    this.#kind = kind
    this.#isFresh ||= Number(changedAt) >= this.#changedSince
    if (isLarge || isCutAfter(path)) segments.push(...this.#cut())
  }

  #cut(): Segment[] {
    if (this.#facts.length === 0) return []
    const isKnown = this.#kind !== 'shared' && !this.#isFresh
    const segment = {
      key: isKnown ? keyOf(this.#facts) : undefined,
      entries: this.#facts.length,
      paths: Buffer.concat(this.#paths),
    }
    this.#facts = []
    this.#paths = []
    this.#isFresh = false
    return [segment]
  }
}

function keyOf(facts: readonly Buffer[]): Buffer {
  return hash('sha256', Buffer.concat(facts), 'buffer').subarray(0, keyBytes)
}

/** One path of so many on average. FNV-1a, as it is to be quick and no more. */
function isCutAfter(path: Buffer): boolean {
  let value = 0x811c9dc5
  for (const byte of path) value = Math.imul(value ^ byte, 0x01000193)
  return ((value ^ (value >>> 15)) >>> 0) % meanEntries === 0
}
