import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** A second process, on a program beside the test. */
export class Child {
  /** What it has printed so far. */
  readonly lines: string[] = []
  readonly #process: ChildProcess
  readonly #output: Interface
  readonly #closed: Promise<[number | null]>

  /** Starts `node program arguments...`; it does not outlive the test. */
  constructor(program: URL, ...programArguments: string[]) {
    this.#process = spawn(process.execPath, [program.pathname, ...programArguments], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#closed = once(this.#process, 'close') as Promise<[number | null]>
    if (!this.#process.stdout) throw new Error('the child has no output')
    this.#output = createInterface({ input: this.#process.stdout })
    this.#output.on('line', (line) => this.lines.push(line))
    onTestFinished(() => this.kill())
  }

  /** Waits until it has printed so many lines. @throws It ended before. */
  async printed(count: number): Promise<void> {
    while (this.lines.length < count) {
      const ended = await Promise.race([once(this.#output, 'line'), this.#closed.then(() => 'ended')])
      if (ended === 'ended' && this.lines.length < count) throw new Error('the child ended too early')
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Ends it as a power cut would, and waits until everything it printed has arrived. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#closed
  }

  /** Waits for its end. @returns Its exit code, null when a signal ended it. */
  async ended(): Promise<number | null> {
    const [code] = await this.#closed
    return code
  }
}
