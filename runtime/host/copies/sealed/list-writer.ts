import type { Writable } from 'node:stream'
import type { CommandRunner } from '../../command/command.ts'
import { encryptTo } from './age.ts'

/** Lines are compressed so many bytes at a time: each by itself takes longer than to encrypt its chunk. */
const bytesAtOnce = 64 * 1024

/** Writes the list of a sealed archive, encrypted, while the archive is. What is broken off leaves no process behind. */
export class ListWriter implements Disposable {
  readonly #input: Writable
  readonly #ended: Promise<void>
  #text = ''

  private constructor(input: Writable, ended: Promise<void>) {
    this.#input = input
    this.#ended = ended
  }

  /** @param output Of the encrypted list. */
  static async to(recipientsFile: string, output: Writable, runner: CommandRunner): Promise<ListWriter> {
    const { input, ended } = await encryptTo(recipientsFile, output, runner)
    return new ListWriter(input, ended)
  }

  [Symbol.dispose](): void {
    // age would wait for the rest.
    this.#input.destroy()
  }

  async add(line: string): Promise<void> {
    this.#text += line
    if (this.#text.length >= bytesAtOnce) await this.#flush()
  }

  /** Waits until all of it has come to the output. @throws {TerminalError} age(1) has not encrypted it. */
  async end(): Promise<void> {
    await this.#flush()
    this.#input.end()
    await this.#ended
  }

  async #flush(): Promise<void> {
    const isTaken = this.#input.write(this.#text)
    this.#text = ''
    if (isTaken) return
    const drained = new Promise<void>((resolve) => this.#input.once('drain', () => resolve()))
    await Promise.race([drained, this.#ended])
  }
}
