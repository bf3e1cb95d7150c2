import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure } from './main.ts'

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** A folder that goes when `body` has ended. */
export async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'hdsync-bench-'))
  try {
    return await body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Milliseconds that `body` takes. */
export async function timed(body: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await body()
  return performance.now() - startedAt
}

/** What is to be reached: at most, or at least so much. */
export type Goal = { atMost: number } | { atLeast: number }

/** A figure made of ratios, one for each time that two things were done side by side. */
export function ratio(
  bench: string,
  what: string,
  ratios: readonly number[],
  goal: Goal,
  unit = 'x',
): Figure {
  const atLeast = 'atLeast' in goal
  return {
    bench,
    what,
    value: median(ratios),
    spread: quartiles(ratios),
    unit,
    goal: atLeast ? goal.atLeast : goal.atMost,
    ...(atLeast && { atLeast }),
  }
}

/** What could not be measured here, and why. */
export function skipped(bench: string, what: string, reason: string): Figure {
  return { bench, what, skipped: reason, value: Number.NaN, unit: 'x', goal: Number.NaN }
}

/** The first and the third quartile: half of the values are between them. */
export function quartiles(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN
  return [at(0.25), at(0.75)]
}

/**
 * Does one thing after the other, round after round, so that what else the machine does meets all of them.
 * @param bodies By name, in their order.
 * @param options.warm Rounds before those that count.
 * @param options.after Done after each, and not measured.
 * @returns Milliseconds of each round.
 */
export async function turnByTurn<Name extends string | number>(
  bodies: Iterable<[Name, () => unknown]>,
  { rounds, warm = 0, after }: { rounds: number; warm?: number; after?: () => void },
): Promise<(name: Name) => number[]> {
  const times = new Map([...bodies].map(([name, body]) => [name, { body, tookMs: [] as number[] }]))
  for (let round = -warm; round < rounds; round += 1) {
    for (const { body, tookMs } of times.values()) {
      const ms = await timed(async () => body())
      after?.()
      if (round >= 0) tookMs.push(ms)
    }
  }
  return (name) => times.get(name)?.tookMs ?? []
}

export function quotients(a: readonly number[], b: readonly number[]): number[] {
  return a.map((one, index) => one / (b[index] ?? Number.NaN))
}
