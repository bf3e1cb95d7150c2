import { functionName } from './load-files.ts'
import type { Loaded, LoadFailure, Work } from './messages.ts'
import { type CallHost, type CallResult, type GuestOptions, GuestProcess, LoadError } from './process.ts'
import { CutOffError } from './thrown.ts'

export interface HouseOptions extends GuestOptions {
  /** Told when a file cannot be loaded any more that could be before. */
  onUnlike?(): void
}

/**
 * Where the user's functions live: one process, and another one when that has ended or its files have changed. A function
 * whose call has ended with its process, so that it may have been the one to blame, has its next call in one of its own.
 */
export class GuestHouse {
  readonly #options: HouseOptions
  #files: readonly string[] = []
  #current: Promise<GuestProcess> | undefined
  readonly #open = new Set<GuestProcess>()
  readonly #suspects = new Set<string>()
  /** Processes for suspects that are about to be called. */
  readonly #reserved = new Map<string, GuestProcess>()
  #isRetired = false
  #isClosed = false

  constructor(options: HouseOptions) {
    this.#options = options
  }

  /** Loads files, in a new process; what is going on in an earlier one ends there. */
  async load(files: readonly string[]): Promise<Loaded> {
    const earlier = this.#current
    const { loaded, guest, left } = await this.#loadAll(files)
    this.#files = left
    this.#current = Promise.resolve(guest)
    void earlier?.then((one) => one.retire()).catch(() => {})
    return loaded
  }

  /** Takes files for good that are loaded with the first call. */
  expect(files: readonly string[]): void {
    this.#files = files
  }

  /** Resolves once there is a process for the next call of a function: to start one is not its time. */
  async ready(name: string): Promise<void> {
    if (!this.#suspects.has(name)) await this.#active()
    else this.#reserved.set(name, await this.#start())
  }

  /** @throws What the function throws, or why it did not end. */
  async call(work: Work, host: CallHost, signal?: AbortSignal): Promise<CallResult> {
    const isAlone = this.#suspects.has(work.function)
    const reserved = isAlone ? this.#reserved.get(work.function) : undefined
    this.#reserved.delete(work.function)
    const guest = reserved ?? (isAlone ? await this.#start() : await this.#active())
    try {
      const result = await guest.call(work, host, signal)
      this.#suspects.delete(work.function)
      return result
    } catch (error) {
      if (guest.hasEnded) this.#suspects.add(work.function)
      throw error
    } finally {
      if (isAlone || this.#isRetired) guest.retire()
    }
  }

  /** What goes on ends as it has begun, and its process with it. */
  retire(): void {
    this.#isRetired = true
    for (const guest of this.#open) guest.retire()
  }

  /** Ends all that is there. */
  close(): void {
    for (const guest of this.#open) guest.kill()
    this.#open.clear()
    this.#isClosed = true
  }

  async #active(): Promise<GuestProcess> {
    const current = await this.#current?.catch(() => undefined)
    if (current && !current.isRetired) return current
    this.#current = this.#start()
    return this.#current
  }

  async #start(): Promise<GuestProcess> {
    const guest = this.#fork()
    const { failures } = await guest.load(this.#files)
    if (failures.length > 0) this.#options.onUnlike?.()
    return guest
  }

  /** Files that end the process while they are loaded are left out, one after the other; all, if it does not even start. */
  async #loadAll(files: readonly string[]) {
    const failures: LoadFailure[] = []
    for (let left = files; ; ) {
      const guest = this.#fork()
      try {
        const loaded = await guest.load(left)
        return { guest, left, loaded: { ...loaded, failures: [...failures, ...loaded.failures] } }
      } catch (error) {
        if (!(error instanceof LoadError)) throw error
        const { message, failure } = error
        const failed = failure ? [failure] : left.map((file) => ({ name: functionName(file), file, message }))
        failures.push(...failed)
        left = left.filter((file) => !failed.some((one) => one.file === file))
        if (left.length === 0)
          return { guest, left, loaded: { functions: [], events: [], files: [], failures } }
      }
    }
  }

  #fork(): GuestProcess {
    if (this.#isClosed) throw new CutOffError('the functions are being stopped')
    for (const guest of this.#open) if (guest.hasEnded) this.#open.delete(guest)
    const guest = new GuestProcess(this.#options)
    this.#open.add(guest)
    return guest
  }
}
