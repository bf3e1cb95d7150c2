import type { Writable } from 'node:stream'
import { TerminalError } from '../errors.ts'
import { type Command, CommandError, type CommandRunner, type OpenCommand } from './command.ts'

/**
 * Has what is packed anew unpacked at once, by the program that will unpack it one day. What is taken from an earlier
 * archive has been through this when it was packed, and is compared with what it was then when the archive is read back.
 */
export class ArchiveTrial {
  readonly #runner: CommandRunner
  readonly #command: Command | undefined
  #opened: Promise<OpenCommand> | undefined

  /** @param command Reads a compressed archive from its standard input; undefined where nothing is compressed. */
  constructor(runner: CommandRunner, command: Command | undefined) {
    this.#runner = runner
    this.#command = command
  }

  /**
   * Waits until these bytes have been taken, as their memory is used again.
   * @throws {TerminalError} They cannot be unpacked.
   * @throws {CommandError} It was killed, or took too long.
   */
  async add(bytes: Uint8Array): Promise<void> {
    if (!this.#command) return
    this.#opened ??= this.#open(this.#command)
    const { input } = await this.#opened
    if (!(await isTaken(input, bytes))) await this.#result()
  }

  /** Waits until all of it has been unpacked. @throws As `add`. */
  async end(): Promise<void> {
    const opened = await this.#opened
    opened?.input.end()
    await this.#result()
  }

  /** Leaves no program behind. */
  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    opened?.input.destroy()
    await opened?.result.catch(() => {})
  }

  async #open(command: Command): Promise<OpenCommand> {
    const opened = await this.#runner.open(command)
    opened.output.resume()
    // One that ends early says why with its exit code.
    opened.input.on('error', () => {})
    return opened
  }

  async #result(): Promise<void> {
    try {
      await (await this.#opened)?.result
    } catch (cause) {
      if (!(cause instanceof CommandError) || cause.exitCode === undefined || cause.timedOut) throw cause
      throw new TerminalError(`what has been packed cannot be unpacked: ${cause.message}`, {
        hint: 'the memory of this machine may be failing: see dmesg',
        cause,
      })
    }
  }
}

/** @returns false when nobody reads any more. */
function isTaken(input: Writable, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    input.write(bytes, (error) => resolve(!error))
  })
}
