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

/**
 * Takes names as bytes, each ended by a NUL, in pieces of any size; keeps nothing of them but a hash of 53 bits. Where a
 * name is followed by facts, ended by another NUL, it keeps a hash of both together as well.
 */
export class NameReader {
  readonly #seed: number
  readonly #names = new Hashes()
  readonly #entries: Hashes | undefined
  #changed = 0
  #one: number
  #other: number
  #inFacts = false
  /** Whether the next byte is the first one of facts. */
  #atFacts = false

  /** @param seed Names can be compared only with those that were read with the same one. */
  constructor(seed: number, { withFacts = false } = {}) {
    this.#seed = seed
    this.#one = seed
    this.#other = ~seed
    this.#entries = withFacts ? new Hashes() : undefined
  }

  add(bytes: Uint8Array): void {
    // FNV-1a, twice; in local variables, as this is done for each byte.
    let one = this.#one
    let other = this.#other
    let atFacts = this.#atFacts
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number
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
      one = this.#seed
      other = ~this.#seed
    }
    this.#one = one
    this.#other = other
    this.#atFacts = atFacts
  }

  /** What has been read, without a last name that no NUL has ended. */
  end(): Names {
    return this.#names.sorted()
  }

  /** The names with their facts; none where there are no facts. @returns `changed`: how many have changed lately. */
  endFacts(): { entries: Names; changed: number } | undefined {
    return this.#entries && { entries: this.#entries.sorted(), changed: this.#changed }
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

  sorted(): Names {
    return this.#hashes.slice(0, this.#count).sort()
  }
}

/** Lets each bit of a hash depend on all. @see MurmurHash3, fmix32 */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
