import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Machine } from './machine.ts'

const runTimeoutMs = 400_000
/** What hangs in the kernel, on a suspended disk say, does not die of SIGKILL either. */
const killTimeoutMs = 5_000

export interface Result {
  /** Exit status; 128 + the signal's number for a script that a signal ended. */
  code: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  /** The script is killed, and the call rejected, after this long. Two minutes by default. */
  timeoutMs?: number
}

/** A script that was started in a machine. */
export class Running {
  readonly #machine: Machine
  readonly #files: string
  readonly #group = Promise.withResolvers<number>()
  readonly #code = Promise.withResolvers<number>()

  /** @param files Path that the script's files on the host begin with. */
  constructor(machine: Machine, files: string) {
    this.#machine = machine
    this.#files = files
    // Who asks is told; that nobody asked is no unhandled rejection.
    this.#group.promise.catch(() => {})
    this.#code.promise.catch(() => {})
  }

  /** Waits for the script's end. @throws After the time limit, or when the machine goes off. */
  async wait({ timeoutMs = runTimeoutMs }: RunOptions = {}): Promise<Result> {
    const code = await this.#codeWithin(timeoutMs)
    if (code !== undefined) return { code, ...(await this.output()) }
    await this.kill('SIGKILL')
    await this.#codeWithin(killTimeoutMs)
    const { stdout, stderr } = await this.output()
    const script = await readFile(`${this.#files}.sh`, 'utf8')
    throw new Error(`still running after ${timeoutMs} ms:\n${script}\n${stdout}${stderr}`)
  }

  /** What the script has printed so far. */
  async output(): Promise<{ stdout: string; stderr: string }> {
    const [stdout, stderr] = await Promise.all([this.#read('out'), this.#read('err')])
    return { stdout, stderr }
  }

  /** Sends a signal to the script and all it started, or to one process inside the machine. */
  async kill(signal: NodeJS.Signals = 'SIGTERM', pid?: number): Promise<void> {
    const target = pid ?? -(await this.#group.promise)
    this.#machine.order(`kill ${signal.slice(3)} -- ${target}`)
  }

  /** For the machine alone, like the rest below. */
  async write(script: string): Promise<void> {
    await writeFile(`${this.#files}.sh`, script)
  }

  /** @param group The script is the leader of this process group. */
  started(group: number): void {
    this.#group.resolve(group)
  }

  ended(code: number): void {
    this.#code.resolve(code)
  }

  lost(why: Error): void {
    this.#group.reject(why)
    this.#code.reject(why)
  }

  async #codeWithin(limitMs: number): Promise<number | undefined> {
    const timer = new AbortController()
    const late = pause(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)
    return Promise.race([this.#code.promise, late]).finally(() => timer.abort())
  }

  #read(kind: 'out' | 'err'): Promise<string> {
    return readFile(`${this.#files}.${kind}`, 'utf8').catch(() => '')
  }
}
