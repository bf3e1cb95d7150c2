import * as z from 'zod'
import {
  commandRefused,
  commandTaken,
  copyFailed,
  copyFinished,
  dataOf,
  drillFailed,
  drillFinished,
  type Envelope,
  runEnds,
  toldByHost,
  verifyFailed,
  verifyFinished,
} from '../../../../events/index.ts'
import type { EventBus } from '../../../core/bus/bus.ts'
import { answerId, type ToldMessage } from '../../../fleet-protocol.ts'

const endStates = ['succeeded', 'degraded', 'held', 'failed', 'cancelled'] as const

/** What a host has said to a command, or how the run has ended that it began; `reason` where the host has said why. */
const commandNote = z.object({
  state: z.enum(['taken', 'refused', ...endStates]),
  run: z.string().nullable(),
  reason: z.string().nullable(),
})
export type CommandNote = z.output<typeof commandNote>

/** How a run of a host has ended. */
export type RunEnd = Pick<CommandNote, 'state' | 'reason'>

/**
 * What a hub notes of the commands of a host as it hears of them, so that nobody has to look for it: by their ids, the newest last.
 * `last`: the last run that has ended. A run may end before the hub hears which command began it.
 */
export const commandNotes = z.object({
  commands: z.record(z.string(), commandNote),
  last: commandNote.nullable(),
})
export type CommandNotes = z.output<typeof commandNotes>

export const noNotes: CommandNotes = { commands: {}, last: null }

const endTypes: readonly string[] = [
  ...runEnds,
  verifyFinished,
  verifyFailed,
  drillFinished,
  drillFailed,
  copyFinished,
  copyFailed,
].map(({ type }) => type)

/** So many commands of a host are noted; of more the hub looks at what the host has told. */
const mostNoted = 32

/** What is noted of the commands of a host once it has told of an event. */
export function afterTold(notes: CommandNotes, event: ToldMessage['event']): CommandNotes {
  const { commands, last } = notes
  const answer = answerIn(event)
  if (answer && event.id === answerId(answer.command)) {
    const { command, note } = answer
    if (commands[command]) return notes
    const ended = note.run !== null && last?.run === note.run ? last : note
    const all = [...Object.entries(commands), [command, ended] as const]
    return { commands: Object.fromEntries(all.slice(-mostNoted)), last }
  }
  if (event.run === null || !endTypes.includes(event.type)) return notes
  const end: CommandNote = { run: event.run, ...endOf(event) }
  const ends = Object.entries(commands).map(([command, note]) => {
    const isIts = note.state === 'taken' && note.run === end.run
    return [command, isIts ? end : note] as const
  })
  return { commands: Object.fromEntries(ends), last: end }
}

const stateWithNotes = z.object({ asked: commandNotes })

/** What is noted of the commands of a host, in the row that the hub keeps of it. A hub of an older hdsync has noted nothing. */
export function notesIn({ state }: { state: unknown }): CommandNotes['commands'] {
  return stateWithNotes.safeParse(state).data?.asked.commands ?? {}
}

/** What a host says to a command, by an event of its own. */
export function answerIn(
  event: Pick<Envelope, 'type' | 'data'>,
): { command: string; note: CommandNote } | undefined {
  const taken = dataOf(commandTaken, event)
  if (taken) {
    const { command, run } = taken
    // What begins no run is done.
    return { command, note: { state: run === null ? 'succeeded' : 'taken', run, reason: null } }
  }
  const refused = dataOf(commandRefused, event)
  return (
    refused && {
      command: refused.command,
      note: { state: 'refused', run: null, reason: clipped(refused.reason) },
    }
  )
}

/** So many of the last ends of a host are looked at. */
const lookedAt = 100

/** How runs of a host have ended, by what it has told: for commands that are not noted. @param since ISO 8601. */
export function toldEnds(bus: Pick<EventBus, 'events'>, host: string, since: string): Map<string, RunEnd> {
  const types = endTypes.map((type) => `fleet.${type}`)
  const events = bus.events({ types, subject: host, since, newestFirst: true, limit: lookedAt })
  const ends = events.flatMap((one) => {
    const event = toldByHost(one)?.event
    return event?.runid ? [[event.runid, endOf(event)] as const] : []
  })
  return new Map(ends)
}

function endOf({ type, data }: Pick<Envelope, 'type' | 'data'>): RunEnd {
  const { state, reason, sources } = (data ?? {}) as Partial<Record<string, unknown>>
  const known = endStates.find((one) => one === state)
  const why = textOf(reason) ?? reasonIn(sources)
  return {
    state: known ?? (type.endsWith('.failed') ? 'failed' : 'succeeded'),
    reason: why === null ? null : clipped(why),
  }
}

/** Reasons are of any length: a host may have been taken over. */
function clipped(text: string): string {
  return text.slice(0, 1000)
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)

/** The first reason that a source gives. */
function reasonIn(sources: unknown): string | null {
  if (!Array.isArray(sources)) return null
  const told = sources.flatMap((one: { source?: unknown; error?: unknown } | null) => {
    const [source, error] = [textOf(one?.source), textOf(one?.error)]
    return error === undefined ? [] : [`${source ?? 'a source'}: ${error}`]
  })
  return told[0] ?? null
}
