import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import { program } from '../../program.ts'

/** The keys that prompts know. */
export const keys = { enter: '\r', tab: '\t', ctrlC: '\x03' } as const

/** Whoever says nothing for so long waits for a key. */
const hangsMs = 30_000

/** hdsync in a terminal of its own, of 80 columns. */
export class Terminal implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  /** What has been shown since it was looked for last. */
  #unseen = ''
  /** All that was shown, without colours. */
  shown = ''

  constructor(words: readonly string[], cwd: string) {
    // script(1) makes a terminal, and types what comes in.
    const line = `stty cols 80 rows 40; exec "$HDSYNC" ${words.map((word) => `'${word}'`).join(' ')}`
    const env = { ...process.env, HDSYNC: program, SHELL: '/bin/sh', TERM: 'xterm', CI: '' }
    this.#child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], { cwd, env })
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#unseen += chunk
      this.shown += stripVTControlCharacters(String(chunk)).replaceAll('\r', '')
    })
    this.#ended = once(this.#child, 'close')
  }

  /** Waits until something is shown, and types then. */
  async at(text: string, ...typed: string[]): Promise<void> {
    const output = this.#child.stdout as NodeJS.EventEmitter
    while (!stripVTControlCharacters(this.#unseen).includes(text)) {
      const news = once(output, 'data', { signal: AbortSignal.timeout(hangsMs) })
      const isNews = await Promise.race([news, this.#ended.then(() => false)]).catch(() => false)
      news.catch(() => {})
      if (isNews === false) throw new Error(`it never showed ${text}:\n${this.shown}`)
    }
    this.#unseen = ''
    for (const keys of typed) this.#child.stdin?.write(keys)
  }

  /** @returns The exit code. */
  async end(): Promise<number> {
    await this.#ended
    return this.#child.exitCode ?? -1
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill()
    await this.#ended
  }
}
