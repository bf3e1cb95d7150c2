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

/** What stands before the facts of an entry that has changed lately: none begin with it by themselves. */
export const changedMark = '!'
const mark = changedMark.charCodeAt(0)

/** How find(1), -printf %y, writes it. */
const regularType = 'f'.charCodeAt(0)

/** What stands before a name that is told once more, to be kept as it is. No type of entry is written like that. */
export const keptMarks = { suspects: '>', others: '<', oddTimes: '#' } as const

/** Names as they are, each ended by a NUL. */
export type Kept = { [of in keyof typeof keptMarks]: Uint8Array }

/**
 * Takes names as bytes, each ended by a NUL, in pieces of any size; keeps nothing of them but a hash of 53 bits. Where a
 * name is followed by facts, ended by another NUL, it keeps a hash of both together as well. Names behind one of the
 * `keptMarks` are kept as they are.
 */
export class NameReader {
  readonly #seed: number
  readonly #names = new Hashes()
  readonly #entries: Hashes | undefined
  #regular = 0
  #changed = 0
  #one: number
  #other: number
  #inFacts = false
  /** Whether the next byte is the first one of facts. */
  #atFacts = false
  /** Whether the next byte is the first one of a name. */
  #atName = true
  readonly #kept: ReadonlyMap<number, Bytes> | undefined
  /** Takes the rest of the name that is being read. */
  #keeper: Bytes | undefined

  /** @param seed Names can be compared only with those that were read with the same one. */
  constructor(seed: number, { withFacts = false, withKept = false } = {}) {
    this.#seed = seed
    if (withKept) {
      this.#kept = new Map(Object.values(keptMarks).map((one) => [one.charCodeAt(0), new Bytes()]))
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
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number
      if (atName) {
        atName = false
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
          this.#changed += 1
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
        this.#inFacts = atFacts = true
        // So that nothing moves from a name to its facts unseen.
        one = Math.imul(one, 0x01000193)
        other = Math.imul(other, 0x5bd1e995)
        continue
      }
      ;(this.#entries ?? this.#names).add(one, other)
      this.#inFacts = false
      atName = true
      one = this.#seed
      other = ~this.#seed
    }
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

  /** The names with their facts; none where there are no facts. @returns `changed`: how many have changed lately. */
  endFacts(): { entries: Names; changed: number } | undefined {
    return this.#entries && { entries: this.#entries.sorted(), changed: this.#changed }
  }

  /** What stood behind marks. */
  endKept(): Kept | undefined {
    if (!this.#kept) return undefined
    const of = (mark: string) => this.#kept?.get(mark.charCodeAt(0))?.end() ?? new Uint8Array()
    const { suspects, others, oddTimes } = keptMarks
    return { suspects: of(suspects), others: of(others), oddTimes: of(oddTimes) }
  }
}

class Bytes {
  #bytes = new Uint8Array(1024)
  #length = 0

  add(more: Uint8Array): void {
    if (this.#length + more.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + more.length))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    this.#bytes.set(more, this.#length)
    this.#length += more.length
  }

  end(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
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
    this.#hashes[this.#count] = (mixed(one) >>> 11) * 2 ** 32 + (mixed(other) >>> 0)
    this.#count += 1
  }

  /** Where they are: a copy of those of a million names would be 8 MB more. Asked once. */
  sorted(): Names {
    return this.#hashes.subarray(0, this.#count).sort()
  }
}

/** Lets each bit of a hash depend on all. @see MurmurHash3, fmix32 */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
