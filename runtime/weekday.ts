/** The folders of archives, by their names. */
export const weekdays = [
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
  'Sunday',
] as const

/** The day of the week by the clock of this machine. @param ms Since the epoch. */
export function weekdayOf(ms: number): string {
  // Of JavaScript the first day is Sunday. (`Intl` knows the names too; to load it takes as long as a short step of a run.)
  return weekdays.at(new Date(ms).getDay() - 1) as string
}

/** The day by the clock of this machine, as `2026-11-22`. @param ms Since the epoch. */
export function dateOf(ms: number): string {
  const date = new Date(ms)
  const two = (part: number) => String(part).padStart(2, '0')
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
}
