import { CancelledError, RetryableError, TerminalError } from '../../errors.ts'

/** Anything thrown, as it is told to another process. */
export interface Thrown {
  /** What it is made of again; `Error` for what is none of ours. */
  kind: 'TerminalError' | 'RetryableError' | 'CancelledError' | 'Error'
  message: string
  hint?: string
  retryAfterMs?: number
  /** What else it says: the exit code of a command, its standard error. */
  facts?: Record<string, unknown>
}

export function tellThrown(thrown: unknown): Thrown {
  if (!(thrown instanceof Error)) return { kind: 'Error', message: textOf(thrown) }
  const { message, hint, retryAfterMs } = thrown as RetryableError
  return {
    kind: kindOf(thrown),
    message: textOf(message),
    ...(typeof hint === 'string' && { hint }),
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    facts: factsOf(thrown),
  }
}

/** An error again, of the class that decides whether it is tried again. */
export function makeThrown({ kind, message, hint, retryAfterMs, facts }: Thrown): Error {
  return Object.assign(create(kind, message, { hint, retryAfterMs }), facts)
}

function create(
  kind: Thrown['kind'],
  message: string,
  remedy: { hint: string | undefined; retryAfterMs: number | undefined },
) {
  if (kind === 'TerminalError') return new TerminalError(message, remedy)
  if (kind === 'RetryableError') return new RetryableError(message, remedy)
  if (kind === 'CancelledError') return new CancelledError(message, remedy)
  return new Error(message)
}

function kindOf(error: Error): Thrown['kind'] {
  if (error instanceof TerminalError) return 'TerminalError'
  if (error instanceof RetryableError) return 'RetryableError'
  return error instanceof CancelledError ? 'CancelledError' : 'Error'
}

/** Plain values alone: whatever else an error carries may not be told. */
function factsOf(error: Error): Record<string, unknown> {
  const told = ['name', 'message', 'stack', 'cause', 'hint', 'kind', 'retryAfterMs']
  return Object.fromEntries(
    Object.entries(error).filter(([key, value]) => !told.includes(key) && isPlain(value)),
  )
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string')
  return value === undefined || ['string', 'number', 'boolean'].includes(typeof value)
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'something that cannot be written as text'
  }
}

/** A call was cut off with the process that it ran in, and it is not known that its own function was to blame. */
export class CutOffError extends RetryableError {}
