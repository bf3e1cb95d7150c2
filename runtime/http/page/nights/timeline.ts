import {
  snapshotCreate,
  snapshotRefused,
  snapshotReleased,
  snapshotTake,
  syncHeld,
} from '../../../../events/index.ts'
import { isNotice } from '../../../backup/run-report.ts'
import type { Story, StoryDelivery, StoryEvent } from '../../../core/bus/journal.ts'

/** A run along the time: a lane for each source, one for archives, one for what belongs to the run as a whole. */
export interface Timeline {
  from: number
  to: number
  lanes: Lane[]
}

export interface Lane {
  name: string
  /** Bars side by side where they overlap: each row by its time. */
  rows: Bar[][]
  /** Snapshots, as long as they were there. */
  bands: Band[]
}

/** An attempt of a function. */
export interface Bar {
  /** Of the delivery. */
  id: number
  function: string
  attempt: number
  from: number
  to: number
  state: 'done' | 'failed' | 'refused' | 'held' | 'running'
  /** What went wrong, in a line. */
  note?: string
}

export interface Band {
  from: number
  to: number
  /** Share of its room that was used in the end; undefined where it has none of its own. */
  used?: number
}

const runLane = 'the run'
const archiveLane = 'archives'

/** @param now The right edge of a run that goes on. */
export function timelineOf({ events }: Story, now: number): Timeline {
  const bars = events.flatMap((one) => barsOf(one, events, now))
  const times = [...bars.flatMap(({ bar }) => [bar.from, bar.to]), ...events.slice(0, 1).map(timeOf)]
  const isOpen = bars.some(({ bar }) => bar.state === 'running')
  const from = times.length > 0 ? Math.min(...times) : now
  const to = Math.max(from + 1, ...times, ...(isOpen ? [now] : []))
  const names = [...new Set(bars.map(({ lane }) => lane))].sort((one, other) => rank(one) - rank(other))
  const lanes = names.map((name) => ({
    name,
    rows: stacked(bars.filter(({ lane }) => lane === name).map(({ bar }) => bar)),
    bands: bandsOf(name, events, to),
  }))
  return { from, to, lanes }
}

function rank(lane: string): number {
  return lane === runLane ? -1 : lane === archiveLane ? 1 : 0
}

function barsOf({ event, deliveries }: StoryEvent, events: readonly StoryEvent[], now: number) {
  return deliveries
    .filter(({ function: name }) => !isNotice(name))
    .flatMap((delivery) => {
      const lane = delivery.function.startsWith('archive.') ? archiveLane : (event.subject ?? runLane)
      return attemptsOf(delivery, event.id, events, now).map((bar) => ({ lane, bar }))
    })
}

function attemptsOf(
  { id, function: name, state, attempts, commands }: StoryDelivery,
  eventId: string,
  events: readonly StoryEvent[],
  now: number,
): Bar[] {
  const child = (type: string) =>
    events.find(({ event }) => event.parentid === eventId && event.type === type)?.event
  const refusal = child(snapshotRefused.type)
  const isHeld = child(syncHeld.type) !== undefined
  const ended = attempts.map(({ number, startedAt, endedAt, error }, n): Bar => {
    const isRefused = refusal !== undefined && n === attempts.length - 1
    const note = error ?? (isRefused ? refusalText(refusal.data) : undefined)
    return {
      id,
      function: name,
      attempt: number,
      from: startedAt,
      to: endedAt,
      state: isRefused ? 'refused' : error !== null ? 'failed' : isHeld ? 'held' : 'done',
      ...(note !== undefined && { note }),
    }
  })
  if (state !== 'claimed') return ended
  const last = ended.at(-1)
  const begun = commands.find(({ startedAt }) => startedAt >= (last?.to ?? 0))?.startedAt
  const event = events.find((one) => one.event.id === eventId)
  const from = begun ?? last?.to ?? (event ? timeOf(event) : now)
  return [...ended, { id, function: name, attempt: ended.length + 1, from, to: now, state: 'running' }]
}

/** What the kernel said says more than what mount(8) did. */
function refusalText(data: unknown): string {
  const { reason, kernel } = data as { reason: string; kernel: string[] }
  return kernel[0] ?? reason
}

function bandsOf(source: string, events: readonly StoryEvent[], end: number): Band[] {
  const mine = events.filter(({ event }) => event.subject === source)
  const gone = mine.filter(({ event }) => event.type === snapshotReleased.type)
  const taken = mine
    .filter(({ event }) => event.type === snapshotCreate.type || event.type === snapshotTake.type)
    .flatMap(({ deliveries }) => deliveries.flatMap(({ commands }) => commands))
    .filter(({ argv, exitCode }) => argv[0]?.endsWith('lvcreate') && exitCode === 0)
  return taken.map(({ startedAt, durationMs = 0 }) => {
    const from = startedAt + durationMs
    const release = gone.find((one) => timeOf(one) >= from)
    const used = (release?.event.data as { usedPercent?: number | null } | undefined)?.usedPercent
    return {
      from,
      to: release ? timeOf(release) : end,
      ...(typeof used === 'number' && { used: used / 100 }),
    }
  })
}

/** In as few rows as there can be without one bar lying on another. */
function stacked(bars: readonly Bar[]): Bar[][] {
  const rows: Bar[][] = []
  for (const bar of bars.toSorted((one, other) => one.from - other.from)) {
    const row = rows.find((one) => (one.at(-1)?.to ?? 0) <= bar.from)
    if (row) row.push(bar)
    else rows.push([bar])
  }
  return rows
}

function timeOf({ event }: StoryEvent): number {
  return Date.parse(event.time)
}
