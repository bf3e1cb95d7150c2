/** A reporter that names what is running when nothing else has been printed for a while. */
import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** So that nobody waits for half a minute without a line. */
const everyMs = 25_000

/** Its printer and clock (milliseconds) are given in its own test alone. */
export default class Heartbeat implements Reporter {
  readonly #running = new Map<string, { name: string; since: number }>()
  readonly #print: (line: string) => void
  readonly #now: () => number
  #tests = 0
  #begun = 0
  #timer: NodeJS.Timeout | undefined

  constructor(
    _options?: unknown,
    print: (line: string) => void = (line) => console.log(line),
    now: () => number = () => performance.now(),
  ) {
    this.#print = print
    this.#now = now
  }

  onTestRunStart(): void {
    this.#begun = this.#now()
    this.#timer = setInterval(() => this.#print(this.line()), everyMs).unref()
  }

  onTestModuleStart({ moduleId }: TestModule): void {
    this.#running.set(moduleId, { name: fileName(moduleId), since: this.#now() })
  }

  onTestModuleEnd({ moduleId }: TestModule): void {
    this.#running.delete(moduleId)
  }

  onTestCaseReady({ module, name }: TestCase): void {
    this.#running.set(module.moduleId, { name: `${fileName(module.moduleId)} > ${name}`, since: this.#now() })
  }

  onTestCaseResult({ module }: TestCase): void {
    this.#tests += 1
    this.#running.set(module.moduleId, { name: fileName(module.moduleId), since: this.#now() })
  }

  onTestRunEnd(): void {
    clearInterval(this.#timer)
  }

  /** How far it is, and what each worker has been at for how long. */
  line(): string {
    const running = [...this.#running.values()].map(
      ({ name, since }) => `${name} (${this.#seconds(since)} s)`,
    )
    return `-- ${this.#seconds(this.#begun)} s, ${this.#tests} tests done; running: ${running.join('; ') || 'nothing yet'}`
  }

  #seconds(since: number): number {
    return Math.round((this.#now() - since) / 1000)
  }
}

function fileName(moduleId: string): string {
  return relative(process.cwd(), moduleId)
}
