import type { Queue } from '../../core/bus/journal.ts'
import type { HttpEngine } from '../context.ts'
import type { Sample } from './catalogue.ts'

/** What each function has to do; one that is gone and still has something to do is there too. */
export function functionSamples(
  { journal, registry }: Pick<HttpEngine, 'journal' | 'registry'>,
  now: number,
): Sample[] {
  const queues = new Map(journal.queues(now).map((queue) => [queue.function, queue]))
  const names = new Set([...registry.functions.map(({ name }) => name), ...queues.keys()])
  return [...names].sort().flatMap((name) => samplesOf(queues.get(name) ?? emptyQueue(name), now))
}

function emptyQueue(name: string): Queue {
  return { function: name, ready: 0, waiting: 0, claimed: 0, dead: 0, tries: 0, oldestReadyAt: null }
}

function samplesOf({ function: name, oldestReadyAt, dead, tries, ...counts }: Queue, now: number): Sample[] {
  const labels = { function: name }
  const ageSeconds = oldestReadyAt === null ? 0 : Math.max(0, (now - oldestReadyAt) / 1000)
  return [
    ...(['ready', 'waiting', 'claimed'] as const).map(
      (state): Sample => ({
        name: 'hdsync_function_deliveries',
        labels: { ...labels, state },
        value: counts[state],
      }),
    ),
    { name: 'hdsync_function_oldest_ready_seconds', labels, value: ageSeconds },
    { name: 'hdsync_function_attempts', labels, value: tries },
    { name: 'hdsync_function_dead_letters', labels, value: dead },
  ]
}
