/** What a person needs beside the message: what to do about it, and the cause. */
interface Remedy {
  /** What to try, as a sentence or a command. */
  hint?: string | undefined
  cause?: unknown
  /** Names what is behind it, where that decides what to do. */
  kind?: string | undefined
}

/** An error whose message is meant for the user: it is printed without a stack trace. */
export class HdsyncError extends Error {
  override readonly name: string = 'HdsyncError'
  readonly hint: string | undefined
  readonly kind: string | undefined

  constructor(message: string, { hint, cause, kind }: Remedy = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.hint = hint
    this.kind = kind
  }
}

/** Trying again cannot help: the delivery becomes a dead letter at once. */
export class TerminalError extends HdsyncError {
  override readonly name: string = 'TerminalError'
}

/**
 * What was copied may not be on the backup disk as it seems to be: a failed write is told once and then forgotten,
 * and the copies in memory look good. The next sync compares contents.
 */
export class SuspectMirrorError extends TerminalError {}

/** hdsync was stopped in the middle; with `machineWentDown` so was the machine, and what it had not yet written. */
export class InterruptedError extends TerminalError {
  readonly machineWentDown: boolean

  constructor(machineWentDown: boolean) {
    super(`interrupted: ${machineWentDown ? 'the machine went down' : 'hdsync was stopped'} in the middle`)
    this.machineWentDown = machineWentDown
  }
}

/**
 * Trying again may help (a lock held, a device busy): the function's retry policy decides when, though not before
 * `retryAfterMs` is over if somebody asked for that.
 */
export class RetryableError extends HdsyncError {
  override readonly name = 'RetryableError'
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    { retryAfterMs, ...remedy }: Remedy & { retryAfterMs?: number | undefined } = {},
  ) {
    super(message, remedy)
    this.retryAfterMs = retryAfterMs
  }
}

/** The receiver of a hook said that it is gone for good; it is to be left alone. */
export class HookGoneError extends TerminalError {}

/** Somebody asked for the run to end. */
export class CancelledError extends HdsyncError {
  override readonly name = 'CancelledError'
}

/** The command line or the environment is at fault, not the backup: exit code 2. */
export class UsageError extends HdsyncError {
  override readonly name = 'UsageError'
}

/** Another run is going on that is not waited for: exit code 4. */
export class BusyError extends HdsyncError {
  override readonly name = 'BusyError'
}

/** The event store cannot be written or read: what was asked for is not recorded. It may be asked for again. */
export class StoreError extends HdsyncError {
  override readonly name = 'StoreError'
}

/** What to try about anything thrown, if it says so. */
export function hintOf(error: unknown): string | undefined {
  return error instanceof HdsyncError ? error.hint : undefined
}

/** What is said of a chain that an error has ended: why, and whether somebody has asked for it. */
export function endedBy(error: unknown): { error: string; cancelled: boolean } {
  return { error: reasonOf(error), cancelled: error instanceof CancelledError }
}

/** The message of anything thrown, with its hint, on one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof HdsyncError && error.hint) return `${error.message} (${error.hint})`
  return error instanceof Error ? error.message : String(error)
}
