/** What may not be found, whatever was done; a row of the table each. */
export const faults = [
  'events lost',
  'stores corrupt',
  'leftovers',
  'torn archives',
  'false successes',
  'databases lost',
  'mirrors unequal',
  'restores torn',
  'mirrors torn',
  'rescues unequal',
  'runs unaccounted for',
  'next run failed',
  'hung',
  'broken off',
] as const
export type Fault = (typeof faults)[number]

export interface Finding {
  fault: Fault
  what: string
}

/** What was found in one trial, and the files that show it. */
export class Findings {
  readonly list: Finding[] = []
  /** Files and folders on the host. */
  readonly papers: string[] = []
  /** Further texts, by the name of the file that they belong into. */
  readonly texts: Record<string, string> = {}

  add(fault: Fault, what: string): void {
    this.list.push({ fault, what })
  }

  /** Says what is wrong unless it is not. */
  expect(good: boolean, fault: Fault, what: string): void {
    if (!good) this.add(fault, what)
  }
}
