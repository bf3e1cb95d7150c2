/** The names below a folder, or its entries, as hashes in rising order: a million of them take 8 MB. */
export type Names = Float64Array

/**
 * How many of some names are not among others. Two names of one hash count as one: among a million names that is to be
 * expected once in ten thousand comparisons.
 */
export function countMissing(names: Names, among: Names): number {
  let missing = 0
  let at = 0
  for (const name of names) {
    while (at < among.length && (among[at] as number) < name) at += 1
    if (among[at] !== name) missing += 1
  }
  return missing
}

/** Those of some names that are not among others. */
export function missing(names: Names, among: Names): Names {
  const found = new Float64Array(countMissing(names, among))
  let at = 0
  for (const name of names) if (!includes(among, name)) found[at++] = name
  return found
}

/** Looks in the middle, and so on. */
function includes(names: Names, name: number): boolean {
  let from = 0
  let to = names.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((names[middle] as number) < name) from = middle + 1
    else to = middle
  }
  return names[from] === name
}

/** What stands before the facts of an entry that has changed lately: none begin with it by themselves. */
export const changedMark = '!'
const mark = changedMark.charCodeAt(0)

/** How find(1), -printf %y, writes it. */
const regularType = 'f'.charCodeAt(0)

/** What stands before a name that is told once more, to be kept as it is. No type of entry is written like that. */
export const keptMarks = { suspects: '>', others: '<', oddTimes: '#', changed: '=' } as const

/** Names as they are, each ended by a NUL. */
export interface Kept {
  suspects: Uint8Array
  others: Uint8Array
  oddTimes: Uint8Array
  /** Undefined where they take more than `mostChangedBytes`. */
  changed: Uint8Array | undefined
}

/** Some 250,000 names: where more has changed, a list of them is of no use. */
const mostChangedBytes = 16 * 2 ** 20

/**
 * Takes names as bytes, each ended by a NUL, in pieces of any size; keeps nothing of them but a hash of 53 bits. Where a
 * name is followed by facts, ended by another NUL, it keeps a hash of both together as well. Names behind one of the
 * `keptMarks` are kept as they are.
 */
export class NameReader {
  readonly #seed: number
  readonly #names = new Hashes()
  readonly #entries: Hashes | undefined
  readonly #changed = new Hashes()
  #regular = 0
  #one: number
  #other: number
  #inFacts = false
  /** Whether the next byte is the first one of facts. */
  #atFacts = false
  /** Whether the facts that are being read are of something that has changed lately. */
  #hasChanged = false
  /** Whether the next byte is the first one of a name. */
  #atName = true
  readonly #kept: ReadonlyMap<number, Bytes> | undefined
  /** Takes the rest of the name that is being read. */
  #keeper: Bytes | undefined
  readonly #picker: Picker | undefined

  /**
   * @param seed Names can be compared only with those that were read with the same one.
   * @param picked Entries whose names, without their types, are kept as they are.
   */
  constructor(
    seed: number,
    { withFacts = false, withKept = false, picked = undefined as Names | undefined } = {},
  ) {
    this.#seed = seed
    this.#picker = picked && new Picker(picked)
    if (withKept) {
      this.#kept = new Map(
        Object.values(keptMarks).map((one) => [
          one.charCodeAt(0),
          new Bytes(one === keptMarks.changed ? mostChangedBytes : undefined),
        ]),
      )
    }
    this.#one = seed
    this.#other = ~seed
    this.#entries = withFacts ? new Hashes() : undefined
  }

  add(bytes: Uint8Array): void {
    // FNV-1a, twice; in local variables, as this is done for each byte.
    let one = this.#one
    let other = this.#other
    let atFacts = this.#atFacts
    let atName = this.#atName
    let nameAt = 0
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number
      if (atName) {
        atName = false
        nameAt = at
        this.#keeper = this.#kept?.get(byte)
        if (this.#keeper) continue
        if (byte === regularType) this.#regular += 1
      }
      if (this.#keeper) {
        const end = bytes.indexOf(0, at) + 1 || bytes.length
        this.#keeper.add(bytes.subarray(at, end))
        at = end - 1
        atName = bytes[at] === 0
        if (atName) this.#keeper = undefined
        continue
      }
      if (atFacts) {
        atFacts = false
        if (byte === mark) {
          this.#hasChanged = true
          continue
        }
      }
      if (byte !== 0) {
        one = Math.imul(one ^ byte, 0x01000193)
        other = Math.imul(other ^ byte, 0x5bd1e995)
        other ^= other >>> 13
        continue
      }
      if (this.#entries && !this.#inFacts) {
        this.#names.add(one, other)
        this.#picker?.name(bytes.subarray(nameAt, at))
        this.#inFacts = atFacts = true
        // So that nothing moves from a name to its facts unseen.
        one = Math.imul(one, 0x01000193)
        other = Math.imul(other, 0x5bd1e995)
        continue
      }
      ;(this.#entries ?? this.#names).add(one, other)
      this.#picker?.entry(hashOf(one, other))
      if (this.#hasChanged) this.#changed.add(one, other)
      this.#inFacts = this.#hasChanged = false
      atName = true
      one = this.#seed
      other = ~this.#seed
    }
    if (!atName && !this.#inFacts && !this.#keeper) this.#picker?.part(bytes.subarray(nameAt))
    this.#one = one
    this.#other = other
    this.#atFacts = atFacts
    this.#atName = atName
  }

  /** What has been read, without a last name that no NUL has ended. */
  end(): Names {
    return this.#names.sorted()
  }

  /** How many of them are regular files, by the type that each name begins with. */
  get regular(): number {
    return this.#regular
  }

  /** The names with their facts; none where there are no facts. @returns `changed`: those that have changed lately. */
  endFacts(): { entries: Names; changed: Names } | undefined {
    return this.#entries && { entries: this.#entries.sorted(), changed: this.#changed.sorted() }
  }

  /** The names of what was to be picked, each ended by a NUL; undefined where they take more than `mostChangedBytes`. */
  endPicked(): Uint8Array | undefined {
    return this.#picker?.end()
  }

  /** What stood behind marks. */
  endKept(): Kept | undefined {
    if (!this.#kept) return undefined
    const of = (mark: string) => this.#kept?.get(mark.charCodeAt(0))?.end()
    const { suspects, others, oddTimes, changed } = keptMarks
    return {
      suspects: of(suspects) ?? nothing,
      others: of(others) ?? nothing,
      oddTimes: of(oddTimes) ?? nothing,
      changed: of(changed),
    }
  }
}

/** Keeps the names of some entries. */
class Picker {
  readonly #picked: Names
  readonly #names = new Bytes(mostChangedBytes)
  #begun: Uint8Array | undefined
  #name: Uint8Array = new Uint8Array()

  constructor(picked: Names) {
    this.#picked = picked
  }

  /** The rest of the name comes with the next bytes. */
  part(bytes: Uint8Array): void {
    this.#begun = Buffer.concat([this.#begun ?? nothing, bytes])
  }

  name(bytes: Uint8Array): void {
    this.#name = this.#begun ? Buffer.concat([this.#begun, bytes]) : bytes
    this.#begun = undefined
  }

  entry(hash: number): void {
    if (!includes(this.#picked, hash)) return
    this.#names.add(this.#name.subarray(typeLength))
    this.#names.add(nul)
  }

  end(): Uint8Array | undefined {
    return this.#names.end()
  }
}

const nothing = new Uint8Array()
const nul = Uint8Array.of(0)
/** Of a type and the slash behind it. */
const typeLength = 2

/** Bytes that are collected. */
export class Bytes {
  readonly #most: number
  #bytes = new Uint8Array(1024)
  #length = 0

  /** @param most Where there are more, none are kept. */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most
  }

  add(more: Uint8Array): void {
    if (this.#length > this.#most) return
    if (this.#length + more.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + more.length))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    this.#bytes.set(more, this.#length)
    this.#length += more.length
  }

  /** @returns undefined where there were more than `most`. */
  end(): Uint8Array | undefined {
    return this.#length > this.#most ? undefined : this.#bytes.subarray(0, this.#length)
  }
}

class Hashes {
  #hashes = new Float64Array(1024)
  #count = 0

  add(one: number, other: number): void {
    if (this.#count === this.#hashes.length) {
      const larger = new Float64Array(2 * this.#count)
      larger.set(this.#hashes)
      this.#hashes = larger
    }
    this.#hashes[this.#count] = hashOf(one, other)
    this.#count += 1
  }

  /** Where they are: a copy of those of a million names would be 8 MB more. Asked once. */
  sorted(): Names {
    return this.#hashes.subarray(0, this.#count).sort()
  }
}

/** Both halves as one number of 53 bits. */
function hashOf(one: number, other: number): number {
  return (mixed(one) >>> 11) * 2 ** 32 + (mixed(other) >>> 0)
}

/** Lets each bit of a hash depend on all. @see MurmurHash3, fmix32 */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
