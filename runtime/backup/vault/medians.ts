/** What is usual is told by so many values that follow each other, and by no fewer than `fewest`. */
export const lookedAt = 7
const fewest = 3

/** @returns undefined for too few values to tell what is usual. */
export function median(values: readonly number[]): number | undefined {
  if (values.length < fewest) return undefined
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]
}

/** The median of each few values that follow each other, in their order. */
export function medians(values: readonly number[]): number[] {
  const last = Math.max(0, values.length - lookedAt)
  return Array.from({ length: last + 1 }, (_, n) => median(values.slice(n, n + lookedAt))).filter(
    (one) => one !== undefined,
  )
}
