import type { Envelope } from '../../../events/envelope.ts'

/** The record of runs: written as they happen, read by `show` and `runs`. */
export interface Journal {
  /** @returns The id under which the end of the command is recorded. */
  commandStarted(command: CommandStart): number
  commandEnded(id: number, end: CommandEnd): void
  log(line: LogLine): void

  /**
   * Runs, the newest first.
   * @param kind Only those of this kind (see `RunRow`); `all` for every run. Unless given, runs that their event lists.
   */
  runs(limit: number, kind?: string): RunRow[]
  /**
   * Runs that wait for their turn or have it, and have not ended, the newest first; not those of other events.
   * @param among Looks at so many of the newest runs; at all unless given, which takes long where there are many.
   */
  unended(among?: number): string[]
  /** One run of any kind, by id or by an unambiguous beginning of it; the newest one that is listed for `last`. */
  run(id: string): RunRow | undefined
  /** What became of all that a run owes, by function and state. */
  tallies(runId: string): Tally[]
  /**
   * A time that two runs agree on, half a day apart at least: when the older of the two ended. By it is told how old
   * things are: a clock that was wrong once has nothing forgotten. Undefined where there are no two.
   */
  witnessedAt(): number | undefined
  /**
   * What ended before this moment is older than `keepMs`, as far as the runs themselves tell. A pause between two of them
   * counts as eight days at most: a clock that was set forward by a year adds eight days to the age of what came before.
   * Undefined where no two runs agree on the time.
   */
  horizon(keepMs: number): number | undefined
  /**
   * Forgets what ended before a moment, and gives its room back to the disk. The newest run stays, and so do the newest
   * successes of each source. At most a few thousand events in one call, so that it keeps nobody waiting.
   */
  prune(before: number): Pruned
  /** All that is known about a run. */
  story(runId: string): Story
  /** Dead letters that were not redriven, the newest first. */
  dead(): DeadLetter[]
  /** What functions said and why attempts failed, the newest last; with a limit the newest ones. */
  said(search: SaidSearch): Said[]
  /** Whether a function of this name ever had anything to do. */
  knowsFunction(name: string): boolean
  /** How much each function that ever had anything to do has to do now; with `open` those alone that have, which is told sooner. */
  queues(now: number, open?: 'open'): Queue[]
  /** Events of any run, in the order in which they came; with a limit the newest ones. */
  search(search: EventSearch): LoggedEvent[]
  /** A number that changes when another process writes to the store. */
  changes(): number
}

/** What one call has forgotten, and whether there may be more of it. */
export interface Pruned {
  events: number
  more: boolean
}

/** What to look for; what is left out does not matter. */
export interface EventSearch {
  /** Types, in which `*` stands for any text; one of them is enough. */
  types?: readonly string[]
  runId?: string
  subject?: string
  /** Not before this moment, in milliseconds since the epoch. */
  since?: number
  /** Those that came after the one with this number. */
  after?: number
  limit?: number
  /** The limit keeps the oldest ones instead. */
  oldest?: boolean
}

/** An event, and its number in the order of the store. */
export interface LoggedEvent {
  seq: number
  event: Envelope
}

export interface CommandStart {
  deliveryId: number
  try: number
  argv: readonly string[]
  startedAt: number
}

export interface CommandEnd {
  durationMs: number
  /** null when it was ended by a signal or could not be started. */
  exitCode: number | null
  signal?: string | undefined
  /** The end of its standard error output. */
  stderr: string
}

export interface LogLine {
  deliveryId: number
  at: number
  level: 'info' | 'warn'
  message: string
}

/** Which lines to look for; what is left out does not matter. */
export interface SaidSearch {
  runId?: string
  function?: string
  /** Not before this moment, in milliseconds since the epoch. */
  since?: number
  limit?: number
}

/** A line that a function wrote, or an attempt of it that failed. */
export interface Said {
  /** Tells it from every other line. */
  key: string
  at: number
  run: string | null
  function: string
  /** Of the event that was handled. */
  type: string
  subject: string | null
  level: 'info' | 'warn' | 'error'
  message: string
}

/** A delivery that used up its attempts. */
export interface DeadLetter {
  /** What `redrive` takes. */
  id: number
  function: string
  event: Envelope
  /** Attempts in all, those before a redrive included. */
  tries: number
  /** When its last attempt ended, in milliseconds since the epoch. */
  diedAt: number
  /** Why. */
  error: string
}

/** What is owed to one function. */
export interface Queue {
  function: string
  /** Deliveries that could be handled now. */
  ready: number
  /** Those whose time has not come, and runs that wait for others. */
  waiting: number
  claimed: number
  dead: number
  /** Attempts at all deliveries on record. */
  tries: number
  /** The time of the oldest event among those that are ready, in milliseconds since the epoch. */
  oldestReadyAt: number | null
}

/** A run: where it began and, once it has, how it ended. */
export interface RunRow {
  id: string
  /** The type of the event that it began with, without `.start`: `backup`, or `my.go` for an event of the user's own. */
  kind: string
  startedAt: number
  /** The event that ended it; only runs that wait for their turn have one. */
  end: Envelope | undefined
}

/** @param type Of the event that a run began with. @returns The kind of the run. */
export function runKindOf(type: string): string {
  return type.replace(/\.start$/, '')
}

/** Deliveries of one run to one function that are in one state. */
export interface Tally {
  function: string
  state: StoryDelivery['state']
  count: number
  /** How many of them somebody has tried. */
  tried: number
  /** When the last of them ended, in milliseconds since the epoch; null before. */
  endedAt: number | null
  /** Why that one did not end well. */
  error: string | null
}

export interface Story {
  events: StoryEvent[]
}

export interface StoryEvent {
  event: Envelope
  deliveries: StoryDelivery[]
}

export interface StoryDelivery {
  id: number
  function: string
  state: 'ready' | 'claimed' | 'done' | 'dead' | 'cancelled'
  /** The run that does what this dead one was to do. */
  replacedBy?: string
  attempts: { number: number; startedAt: number; endedAt: number; error: string | null }[]
  commands: (CommandStart & Partial<CommandEnd>)[]
  log: LogLine[]
}
