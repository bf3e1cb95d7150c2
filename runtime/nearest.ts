import { closest, distance } from 'fastest-levenshtein'

/** `did you mean ...?` for a word that is a slip away from a known one; `undefined` when none is near. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const nearest = closest(word, known)
  const slips = Math.max(1, Math.floor(word.length * 0.4))
  return distance(word, nearest) <= slips ? `did you mean \`${nearest}\`?` : undefined
}
