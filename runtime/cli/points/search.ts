import type { Entry } from '../../host/points/entry.ts'
import { pathText } from '../../host/points/path-text.ts'

/** What is kept of an entry to offer it. */
export type Offered = Pick<Entry, 'path' | 'type' | 'sizeBytes' | 'mtimeNs'>

/** Searches the entries of a restore point as somebody types. */
export class Search {
  readonly entries: readonly Offered[]
  readonly #texts: readonly string[]

  /** @param entries Without the folder of the source itself. */
  constructor(entries: readonly Offered[]) {
    this.entries = entries
    this.#texts = entries.map(({ path }) => pathText(path).toLowerCase())
  }

  /**
   * @param typed Words that all stand in the path, whatever their case; of none, what lies at the top is found.
   * @returns Places in `entries`: names that begin so first, then names that hold it, then paths.
   */
  find(typed: string, most: number): number[] {
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
    const ranked: number[][] = [[], [], []]
    for (const [n, text] of this.#texts.entries()) {
      const rank = words.length === 0 ? (text.includes('/') ? undefined : 0) : rankOf(text, words)
      if (rank !== undefined) ranked[rank]?.push(n)
    }
    return ranked.flat().slice(0, most)
  }
}

function rankOf(text: string, words: readonly string[]): number | undefined {
  if (!words.every((word) => text.includes(word))) return undefined
  const name = text.slice(text.lastIndexOf('/') + 1)
  if (name.startsWith(words[0] ?? '')) return 0
  return words.some((word) => name.includes(word)) ? 1 : 2
}
