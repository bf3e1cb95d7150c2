import type { Figure } from '../main.ts'
import { median, quartiles } from '../measure.ts'

/** One figure of several measurements: their median, and between what half of them lie. */
export function figure(
  bench: string,
  what: string,
  values: readonly number[],
  rest: { unit: string; goal?: number },
): Figure {
  return { bench, what, value: median(values), spread: quartiles(values), ...rest }
}

/** What could not be measured here, and why. */
export function skipped(bench: string, what: string, reason: string): Figure {
  return { bench, what, skipped: reason, value: Number.NaN, unit: '' }
}

/** Measurements by name, in the order in which the names came up first. */
export class Series {
  readonly #values = new Map<string, number[]>()

  add(name: string, value: number): void {
    this.#values.set(name, [...(this.#values.get(name) ?? []), value])
  }

  figures(bench: string, rest: (name: string) => { unit: string; goal?: number }): Figure[] {
    return [...this.#values].map(([name, values]) => figure(bench, name, values, rest(name)))
  }
}

/** Says on stderr how far a bench of many minutes has come. */
export function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
}
