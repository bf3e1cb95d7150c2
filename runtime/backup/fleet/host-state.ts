import * as z from 'zod'
import {
  archiveDamaged,
  copyFailed,
  copyFinished,
  copyOverdue,
  dataOf,
  drillFailed,
  drillFinished,
  drillOverdue,
  type RunResult,
  runEnds,
  runOverdue,
  syncDismissed,
  unitFailed,
  verifyFailed,
  verifyFinished,
} from '../../../events/index.ts'
import type { AboutHost, ToldMessage } from '../../fleet-protocol.ts'
import { afterTold, commandNotes, noNotes } from './commands/notes.ts'

const moment = z.string().nullable()

/** A source of a host, as its last nights have left it. */
const source = z.object({
  state: z.string(),
  error: z.string().nullable(),
  lastGoodAt: moment,
  overdue: z.boolean(),
})

/** What a hub knows of a host: small, kept beside its events, which may be forgotten first. Moments are by the clock of the host. */
const hostState = z.object({
  sources: z.record(z.string(), source),
  /** The last end of a backup. */
  lastRunAt: moment,
  /** How it ended, whatever its sources say: one that could not begin has none. */
  lastRunState: z.string().nullable().default(null),
  /** The last restore that was proven, by a drill. */
  lastProvenAt: moment,
  /** What else is not well, by what it is about: `drill`, `copy offsite`, `verify`, `unit …`, `archive …`. */
  troubles: z.record(z.string(), z.object({ at: z.string(), text: z.string() })),
  hour: z.object({ from: z.number(), bytes: z.number() }).default({ from: 0, bytes: 0 }),
  /** What it has said to commands. */
  asked: commandNotes.default(noNotes),
})
export type HostState = z.output<typeof hostState>

export const noState: HostState = {
  ...{ sources: {}, lastRunAt: null, lastRunState: null, lastProvenAt: null, troubles: {} },
  hour: { from: 0, bytes: 0 },
  asked: noNotes,
}

/** As it lies in the store; nothing is known where it cannot be read. */
export function readState(value: unknown): HostState {
  return hostState.safeParse(value).data ?? noState
}

/**
 * How a host stands once an event is known. Events that say nothing about that, or cannot be read, change nothing. However much a host
 * tells, it stays small: it is read and written with each of its messages.
 */
export function afterEvent(state: HostState, event: ToldMessage['event']): HostState {
  return { ...bounded(afterAny(state, event)), asked: afterTold(state.asked, event) }
}

/** Without the sources and copies that are not in the config of the host any more: they would stay failed for good. */
export function withoutOthers(
  state: HostState,
  { sources, copies }: Pick<AboutHost, 'sources' | 'copies'>,
): HostState {
  const isThere = (about: string) =>
    copies === undefined || !about.startsWith('copy ') || copies.includes(about.slice('copy '.length))
  const left = Object.entries(state.sources).filter(([name]) => sources?.includes(name) ?? true)
  const troubles = Object.entries(state.troubles).filter(([about]) => isThere(about))
  return { ...state, sources: Object.fromEntries(left), troubles: Object.fromEntries(troubles) }
}

const mostEntries = 500
const longestText = 1000

function bounded(state: HostState): HostState {
  const cut = (text: string) => text.slice(0, longestText)
  const sources = Object.entries(state.sources).slice(0, mostEntries)
  const troubles = Object.entries(state.troubles).slice(0, mostEntries)
  return {
    ...state,
    sources: Object.fromEntries(
      sources.map(([name, one]) => [cut(name), { ...one, error: one.error && cut(one.error) }]),
    ),
    troubles: Object.fromEntries(
      troubles.map(([about, { at, text }]) => [cut(about), { at, text: cut(text) }]),
    ),
  }
}

function afterAny(state: HostState, event: ToldMessage['event']): HostState {
  const { type, time: at } = event
  const end = runEnds.map((definition) => dataOf(definition, event)).find((data) => data !== undefined)
  if (end) return afterRun(state, end, at)
  const overdue = dataOf(runOverdue, event)
  if (overdue) return withSource(state, overdue.source, { overdue: true })
  const dismissed = dataOf(syncDismissed, event)
  if (dismissed) return afterDismissal(state, dismissed.source)
  const drill = dataOf(drillFinished, event)
  if (drill) {
    const isProven = drill.sources.some((one) => one.state === 'proven')
    return settle({ ...state, lastProvenAt: isProven ? at : state.lastProvenAt }, 'drill')
  }
  const verified = dataOf(verifyFinished, event)
  if (verified?.state === 'succeeded') return settle(settle(state, 'verify'), 'archive ')
  if (verified?.state === 'degraded')
    return trouble(state, 'verify', at, verified.reason ?? 'verification degraded')
  if (type === copyFinished.type) return afterCopies(state, dataOf(copyFinished, event)?.copies ?? [], at)
  if (type === copyFailed.type) return afterCopies(state, dataOf(copyFailed, event)?.copies ?? [], at)
  return otherTrouble(state, event)
}

/** Nobody waits any more for what was held. */
function afterDismissal(state: HostState, name: string): HostState {
  const after = withSource(state, name, { state: 'succeeded', error: null })
  const isHeld = Object.values(after.sources).some((one) => one.state === 'held')
  return after.lastRunState === 'held' && !isHeld ? { ...after, lastRunState: 'succeeded' } : after
}

function otherTrouble(state: HostState, event: ToldMessage['event']): HostState {
  const { time: at } = event
  const drill = dataOf(drillFailed, event)
  if (drill) return trouble(state, 'drill', at, `drill failed: ${drill.reason}`)
  if (dataOf(drillOverdue, event)) return trouble(state, 'drill', at, 'no drill has gone well for too long')
  const verify = dataOf(verifyFailed, event)
  if (verify) return trouble(state, 'verify', at, `verification failed: ${verify.reason}`)
  const copy = dataOf(copyOverdue, event)
  if (copy) return trouble(state, `copy ${copy.copy}`, at, `${copy.copy} has not had everything for too long`)
  const damaged = dataOf(archiveDamaged, event)
  if (damaged)
    return trouble(state, `archive ${damaged.path}`, at, `${damaged.path} is damaged: ${damaged.reason}`)
  const unit = dataOf(unitFailed, event)
  if (unit)
    return trouble(
      state,
      'unit',
      at,
      `${unit.unit} failed${unit.reason === undefined ? '' : `: ${unit.reason}`}`,
    )
  return state
}

function afterRun(
  state: HostState,
  { state: ended, sources }: Pick<RunResult, 'state' | 'sources'>,
  at: string,
): HostState {
  const isGood = (one: string) => one === 'succeeded' || one === 'degraded'
  const now = sources.map(({ source: name, state: how, error }) => {
    const before = state.sources[name]
    const good = { lastGoodAt: at, overdue: false }
    const bad = { lastGoodAt: before?.lastGoodAt ?? null, overdue: before?.overdue ?? false }
    return [name, { state: how, error, ...(isGood(how) ? good : bad) }] as const
  })
  const after = {
    ...state,
    sources: { ...state.sources, ...Object.fromEntries(now) },
    lastRunAt: at,
    lastRunState: ended,
  }
  // A night that has been tells that what kept one from beginning is over.
  return now.some(([, { state: how }]) => isGood(how)) ? settle(after, 'unit') : after
}

function afterCopies(
  state: HostState,
  copies: readonly { copy: string; state: string; error: string | null }[],
  at: string,
): HostState {
  return copies.reduce((now, { copy, state: how, error }) => {
    if (how === 'succeeded') return settle(now, `copy ${copy}`)
    return how === 'failed' ? trouble(now, `copy ${copy}`, at, `${copy}: ${error ?? 'copying failed'}`) : now
  }, state)
}

function withSource(state: HostState, name: string, change: Partial<z.output<typeof source>>): HostState {
  const before = state.sources[name] ?? { state: 'waiting', error: null, lastGoodAt: null, overdue: false }
  return { ...state, sources: { ...state.sources, [name]: { ...before, ...change } } }
}

function trouble(state: HostState, about: string, at: string, text: string): HostState {
  return { ...state, troubles: { ...state.troubles, [about]: { at, text } } }
}

/** @param about What is well again; all that begins so, where it ends with a blank. */
function settle(state: HostState, about: string): HostState {
  const isOver = (key: string) => (about.endsWith(' ') ? key.startsWith(about) : key === about)
  const left = Object.entries(state.troubles).filter(([key]) => !isOver(key))
  return { ...state, troubles: Object.fromEntries(left) }
}
