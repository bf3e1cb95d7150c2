import { createHash } from 'node:crypto'
import type { Entry } from '../../host/points/entry.ts'

/** Numbers from 0 to 1 that a text decides: with the same one a sample is drawn again. */
export function seeded(seed: string): () => number {
  let state = createHash('sha256').update(seed).digest().readUInt32LE()
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface SampleOptions {
  /** How many entries are wanted. */
  size: number
  random: () => number
  /** What has an access list; each byte of a path is a character. */
  withAccessList: ReadonlySet<string>
}

const largeBytes = 1024 ** 2
const longName = 100

/** Each entry belongs to the first that it fits: what is rare comes first. */
const strata: readonly ((entry: Entry, name: string, options: SampleOptions) => boolean)[] = [
  (_, name, { withAccessList }) => withAccessList.has(name),
  ({ hardLinkTo }) => hardLinkTo !== undefined,
  ({ type }) => type !== 'file',
  (_, name) => isOdd(name.slice(name.lastIndexOf('/') + 1)),
  ({ sizeBytes }) => sizeBytes >= largeBytes,
  () => true,
]

/** A name that a script stumbles over: blanks, quotes, control characters, bytes beyond ASCII, a dash first, very long. */
function isOdd(name: string): boolean {
  return /[^\x21-\x7e]|["'\\*?[$`]/.test(name) || name.startsWith('-') || name.length > longName
}

/**
 * Chooses entries by chance, as many of each kind as there can be: with access lists, with several names, links and devices,
 * odd names, large, all others. Folders are not chosen: those above what is chosen come with it.
 * @returns As many as are wanted, or all; the first name of a file is there with a further one.
 */
export async function chooseSample(entries: AsyncIterable<Entry>, options: SampleOptions): Promise<Entry[]> {
  const chosen = strata.map(() => new Reservoir(options))
  for await (const entry of entries) {
    if (entry.type === 'directory') continue
    const name = entry.path.toString('latin1')
    chosen[strata.findIndex((fits) => fits(entry, name, options))]?.offer(entry)
  }
  return dealt(
    chosen.map(({ kept }) => kept),
    options.size,
  )
}

/** Keeps so many of what is offered, each with the same chance. */
class Reservoir {
  readonly kept: Entry[] = []
  readonly #options: SampleOptions
  #seen = 0

  constructor(options: SampleOptions) {
    this.#options = options
  }

  offer(entry: Entry): void {
    const { size, random } = this.#options
    this.#seen += 1
    if (this.kept.length < size) {
      // At a place by chance: the first ones are taken first.
      this.kept.splice(Math.floor(random() * (this.kept.length + 1)), 0, entry)
      return
    }
    const at = Math.floor(random() * this.#seen)
    if (at < size) this.kept[at] = entry
  }
}

/** One of each in turn. */
function dealt(hands: readonly Entry[][], size: number): Entry[] {
  const longest = Math.max(...hands.map(({ length }) => length))
  const all = Array.from({ length: longest }, (_, round) => hands.flatMap((hand) => hand[round] ?? [])).flat()
  return all.slice(0, size)
}
