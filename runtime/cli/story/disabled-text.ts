/** That functions of the user's are disabled, as a line; empty where none is. */
export function disabledText(names: readonly string[] = []): string {
  const [only] = names
  if (only === undefined) return ''
  if (names.length === 1) return `the function ${only} is disabled (hdsync functions enable ${only})\n`
  return `the functions ${names.join(', ')} are disabled (hdsync functions enable NAME)\n`
}
