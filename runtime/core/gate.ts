import { CancelledError, TerminalError } from '../errors.ts'
import { formatDuration } from '../units.ts'
import type { Settlement } from './bus/bus.ts'
import type { Clock } from './clock.ts'
import type { GateOptions } from './function.ts'

/** Where a function stands that handles `snapshot.before`. */
interface Visitor {
  state: 'awaited' | 'busy' | 'ready' | 'done' | 'failed'
  error?: string | undefined
  stop?: AbortController
}

/**
 * One snapshot that waits for functions: `open` until all are ready, `taking` while they hold their locks, `closed` once
 * they have been told the result.
 */
export class Gate {
  readonly runId: string
  readonly #clock: Clock
  readonly #visitors: Map<string, Visitor>
  readonly #taken = Promise.withResolvers<boolean>()
  #phase: 'open' | 'taking' | 'closed' = 'open'
  #left = false
  #changed = Promise.withResolvers<void>()

  constructor(runId: string, awaited: readonly string[], clock: Clock) {
    this.runId = runId
    this.#clock = clock
    this.#visitors = new Map(awaited.map((name) => [name, { state: 'awaited' }]))
  }

  /** Whether it is too late to enter. */
  get isOver(): boolean {
    return this.#phase !== 'open'
  }

  /** Whether the chain has gone on without those that are still here. */
  get isLeft(): boolean {
    return this.#left
  }

  enter(name: string, stop: AbortController): void {
    this.#move(name, { state: 'busy', stop })
  }

  /** A function is ready, and waits. @returns Whether the snapshot was taken. */
  wait(name: string): Promise<boolean> {
    const visitor = this.#visitors.get(name)
    if (visitor?.state === 'busy') this.#move(name, { ...visitor, state: 'ready' })
    return this.#taken.promise
  }

  leave(name: string, { outcome, attempt: { error } }: Settlement): void {
    if (outcome === 'done') this.#move(name, { state: 'done' })
    else if (outcome === 'retry') this.#move(name, { state: 'awaited', error })
    else this.#move(name, { state: 'failed', error })
  }

  /**
   * Waits until every function is ready. Those that are not when the time is up are stopped.
   * @returns Why one of them is not.
   */
  async ready({ timeoutMs, onTimeout }: GateOptions, signal: AbortSignal): Promise<string | undefined> {
    const settled = () =>
      this.#in('awaited', 'busy').length === 0 || (onTimeout === 'give-up' && this.#in('failed').length > 0)
    await this.#until(settled, timeoutMs, signal)
    signal.throwIfAborted()
    this.#phase = 'taking'
    const late = this.#in('awaited', 'busy')
    const problem =
      this.#failure() ??
      (late.length > 0 ? `${namesOf(late)} not ready within ${formatDuration(timeoutMs)}` : undefined)
    const said = late.flatMap(([, { error }]) => error ?? [])
    const words = said.length > 0 ? `${problem} (${said.join('; ')})` : problem
    this.#stop(late, () => new TerminalError(`not ready within ${formatDuration(timeoutMs)}`))
    return words
  }

  /**
   * Tells those that wait the result, and waits for their end; at the time limit they are stopped.
   * @returns Which of them failed: it may have lost its lock before the snapshot was taken.
   */
  async close(taken: boolean, { timeoutMs }: GateOptions, signal: AbortSignal): Promise<string | undefined> {
    this.#phase = 'closed'
    const holders = this.#in('ready', 'done')
    const names = holders.map(([name]) => name)
    this.#stop(this.#in('awaited', 'busy'), () => new CancelledError('the snapshot is not taken'))
    this.#taken.resolve(taken)
    await this.#until(() => this.#in('ready').length === 0, timeoutMs, signal)
    this.#left = true
    const late = this.#in('ready')
    this.#stop(late, () => new TerminalError(`not done ${formatDuration(timeoutMs)} after the snapshot`))
    if (late.length > 0) return `${namesOf(late)} not done ${formatDuration(timeoutMs)} after the snapshot`
    return this.#failure(names)
  }

  /** Waits until no function is at work here, up to a limit. */
  empty(limitMs: number): Promise<void> {
    return this.#until(() => this.#in('busy', 'ready').length === 0, limitMs)
  }

  #in(...states: Visitor['state'][]): [string, Visitor][] {
    return [...this.#visitors].filter(([, { state }]) => states.includes(state))
  }

  #failure(names?: readonly string[]): string | undefined {
    const [failed] = this.#in('failed').filter(([name]) => !names || names.includes(name))
    return failed && `${failed[0]} failed: ${failed[1].error}`
  }

  #stop(visitors: [string, Visitor][], reason: () => Error): void {
    for (const [, { stop }] of visitors) stop?.abort(reason())
  }

  #move(name: string, visitor: Visitor): void {
    if (!this.#visitors.has(name)) return
    this.#visitors.set(name, visitor)
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  async #until(test: () => boolean, limitMs: number, signal?: AbortSignal): Promise<void> {
    const end = Promise.withResolvers<void>()
    let over = signal?.aborted ?? false
    const finish = () => {
      over = true
      end.resolve()
    }
    const cancel = this.#clock.schedule(limitMs, finish)
    signal?.addEventListener('abort', finish, { once: true })
    try {
      while (!over && !test()) await Promise.race([this.#changed.promise, end.promise])
    } finally {
      cancel()
      signal?.removeEventListener('abort', finish)
    }
  }
}

function namesOf(visitors: readonly [string, Visitor][]): string {
  const names = visitors.map(([name]) => name)
  return `${names.join(', ')} ${names.length > 1 ? 'were' : 'was'}`
}
