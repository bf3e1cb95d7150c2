import type { EventDefinition } from '../../../events/define.ts'
import type { Envelope } from '../../../events/envelope.ts'
import type { Progress } from '../../progress.ts'
import type { EmitOptions, FunctionDefinition, RunInfo, StartOptions } from '../function.ts'
import type { Thrown } from './thrown.ts'

// What the process of the user's functions (the guest) and hdsync (its parent) tell each other. The messages go through
// Node's IPC channel as structured clones; what the guest looks up of earlier events goes through a socket of its own,
// as lines of JSON, because it waits for the answer (see queries.ts).

/** So many events one call may emit. */
export const mostEmits = 10_000
/** The largest payload of an event that a guest emits, in bytes of JSON. */
export const largestPayload = 1024 * 1024

/** What the guest is to do with one of its functions. */
export type Work =
  | { do: 'run'; function: string; event: Envelope; firstTry: boolean; config: unknown; run: RunInfo }
  | { do: 'giveUp'; function: string; event: Envelope; error: Thrown; config: unknown; run: RunInfo }
  | { do: 'key'; function: string; event: Envelope }

export type ToGuest =
  | { kind: 'load'; files: readonly string[] }
  | { kind: 'call'; call: number; work: Work }
  /** The call has to end: it was cancelled, or its time is up. */
  | { kind: 'abort'; call: number; reason: Thrown }
  | { kind: 'answer'; id: number; value?: unknown; error?: Thrown }

export type FromGuest =
  | { kind: 'loading'; file: string }
  | { kind: 'loaded'; loaded: Loaded }
  /** The guest has heard of `abort`: it can still answer. */
  | { kind: 'aborting'; call: number }
  | { kind: 'ended'; call: number; emitted?: readonly Emitted[]; key?: string; error?: Thrown }
  /** Asks for a method of the context, by its path: `['host', 'program']`. */
  | { kind: 'ask'; call: number; id: number; path: readonly string[]; args: readonly unknown[] }
  | { kind: 'log'; call: number; level: 'info' | 'warn'; message: string }
  | { kind: 'progress'; call: number; progress: Progress }
  /** Something was thrown that nobody caught, as far as it is known in which call. */
  | { kind: 'stray'; call: number | undefined; error: Thrown }

/** An event that a call has emitted, or a run that it has started; `data` as JSON, undefined where there is none. */
export type Emitted = { type: string; data: string | undefined } & (
  | { as: 'event'; options: EmitOptions }
  | { as: 'start'; options: StartOptions }
)

/** What came of loading the user's files. */
export interface Loaded {
  functions: readonly FunctionDescription[]
  events: readonly EventDescription[]
  failures: readonly LoadFailure[]
  /** Every file that was to be loaded, hdsync's own left out. */
  files: readonly string[]
}

/** A function as far as it can be told to another process. */
export interface FunctionDescription {
  name: string
  file: string
  /** Types of events; `*` for every fact. */
  on: readonly string[]
  emits: readonly string[]
  /** Everything else that it says of itself, apart from what is code. */
  spec: Omit<FunctionDefinition['spec'], 'on' | 'emits' | 'run' | 'giveUp' | 'concurrency'>
  /** What `concurrency` says apart from its key. */
  concurrency?: Record<string, unknown>
  hasKey: boolean
  hasGiveUp: boolean
}

/** An event that a file of the user's declares; its schemas as JSON Schema. */
export type EventDescription = Omit<EventDefinition, 'schema' | 'request'> & {
  schema: object
  request: object
}

/** Why a file of the user's is left out. */
export interface LoadFailure {
  /** The name that its function would have. */
  name: string
  file: string
  /** Where in `file`, or in the file that it imports, which `message` then names. */
  line?: number
  column?: number
  message: string
  /** What it handles, as far as that is known. */
  on?: readonly string[]
}

/** What the guest looks up of earlier events. */
export interface Query {
  call: number
  about: 'run' | 'ofRun' | 'recent' | 'pending'
  types?: readonly string[]
  subject?: string
  limit?: number
}
