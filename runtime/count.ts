/** `1 file`, `1,204 files`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** A whole number with separators: 1,204. Without `Intl`: to load it takes longer than to print all of a run. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',')
}
