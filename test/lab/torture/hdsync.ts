import { setTimeout as pause } from 'node:timers/promises'
import type { RunResult } from '../../../events/index.ts'
import type { Machine, Running } from '../machine.ts'
import { allPhases, type Moment, type Phase } from './plan.ts'

/** A night on the slowest lab takes a tenth of this. */
const runTimeoutMs = 300_000
const pollMs = 5

/** How an hdsync ended. */
export interface Ended {
  /** undefined when it hung, or went with its machine. */
  code: number | undefined
  result: RunResult | undefined
  stderr: string
}

/** An `hdsync run` in the machine, or an `hdsync restore`. */
export class Hdsync {
  readonly startedAt = performance.now()
  readonly ended: Promise<Ended>
  over = false
  readonly #running: Running

  constructor(running: Running) {
    this.#running = running
    this.ended = this.#end().finally(() => {
      this.over = true
    })
  }

  static async start(machine: Machine, ...sources: string[]): Promise<Hdsync> {
    return Hdsync.begin(machine, `run --json ${sources.join(' ')}`)
  }

  static async begin(machine: Machine, words: string): Promise<Hdsync> {
    return new Hdsync(await machine.start(`exec hdsync ${words}`))
  }

  async said(): Promise<string[]> {
    return (await this.#running.output()).stderr.split('\n').slice(0, -1)
  }

  /** Which part of the night it is. */
  async phase(): Promise<Phase | 'start' | 'end'> {
    const { stdout, stderr } = await this.#running.output()
    if (stdout) return 'end'
    const spoken = stderr.split('\n').toReversed()
    const names = Object.keys(allPhases) as Phase[]
    for (const line of spoken) {
      const name = names.find((phase) => allPhases[phase].test(line))
      if (name) return name
    }
    return 'start'
  }

  /** Waits for a moment of the night, or for its end if that comes first. */
  async reach(moment: Exclude<Moment, { during: string }>, nightMs: number): Promise<void> {
    const atMs = this.startedAt + ('fraction' in moment ? moment.fraction * nightMs : runTimeoutMs)
    while (!this.over && performance.now() < atMs) {
      if ('phase' in moment) {
        const times = (await this.said()).filter((line) => allPhases[moment.phase].test(line)).length
        if (times >= moment.nth) break
      }
      await pause(pollMs)
    }
    if ('phase' in moment) await Promise.race([pause(moment.delayMs), this.ended])
  }

  /** Kills hdsync, and not what it has started: its commands have process groups of their own. */
  async kill(): Promise<void> {
    await this.#running.kill('SIGKILL')
    await this.ended
  }

  async #end(): Promise<Ended> {
    const code = await this.#running.wait({ timeoutMs: runTimeoutMs }).then(
      (result) => result.code,
      () => undefined,
    )
    const { stdout, stderr } = await this.#running.output()
    return { code, stderr, result: resultIn(stdout) }
  }
}

/** What it has printed last, if it has come that far. */
function resultIn(stdout: string): RunResult | undefined {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as RunResult
  } catch {
    return undefined
  }
}
