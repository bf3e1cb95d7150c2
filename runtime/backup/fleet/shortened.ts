const longestText = 500
const longestList = 100

/**
 * The data of an event that is too large to be told whole: texts and lists are cut, so that it says how something ended, and why, and fits
 * its schema still.
 */
export function shortened(data: unknown): unknown {
  if (typeof data === 'string') return data.slice(0, longestText)
  if (Array.isArray(data)) return data.slice(0, longestList).map(shortened)
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, shortened(value)]))
}
