import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { ownFile } from '../../backup/guests/provided-modules.ts'
import { loadConfig } from '../../config/load.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { Bench } from '../dev/bench.ts'
import { eventOfLine, eventsOfOption, type GivenEvent } from '../dev/given-events.ts'
import { testsFor, watchFolder } from '../dev/watch-folder.ts'
import { exitCodes } from '../exit-codes.ts'
import { painter } from '../format.ts'
import type { Io } from '../io.ts'
import { onEndingSignals } from '../signals.ts'

export interface DevOptions {
  dir?: string
  event?: string
  execute?: boolean
  config?: string
}

const testEnding = '.test.ts'
const longestTestMs = 600_000

/**
 * `hdsync functions dev`: delivers events that are typed in, or named by `--event`, to the user's functions, and shows what
 * comes of it. When a file changes it loads them again, runs the tests of what has changed, and delivers the last event
 * once more. It ends with its input, or by Ctrl-C.
 * @returns 0 when all went well, 1 when a delivery or a test failed, 2 when a line or `--event` was not understood; 0 by Ctrl-C.
 */
export async function devCommand(
  options: DevOptions,
  io: Io,
  input: NodeJS.ReadStream = process.stdin,
): Promise<number> {
  const given = await loadConfig({ path: options.config, env: io.env })
  const folder = resolve(options.dir ?? given.functions)
  if (!existsSync(folder)) {
    throw new UsageError(`there is no folder ${folder}`, {
      hint: 'hdsync functions new NAME --on EVENT makes it',
    })
  }
  const config = { ...given, functions: folder }
  const paint = painter(io.colour)
  const print = (line: string) => io.stdout(`${line}\n`)
  const bench = new Bench({ config, execute: options.execute ?? false, paint, print })
  const stop = new AbortController()
  let exitCode: number = exitCodes.succeeded
  let last: GivenEvent | undefined
  const failed = (code: number) => {
    exitCode = Math.max(exitCode, code)
  }
  const deliver = async (one: GivenEvent) => {
    last = one
    if (!(await bench.deliver(one))) failed(exitCodes.failed)
  }
  const test = async (changed: readonly string[]) => {
    const tested = readdirSync(folder).flatMap((file) =>
      file.endsWith(testEnding) ? file.slice(0, -testEnding.length) : [],
    )
    const names = testsFor(changed, tested)
    if (names.length === 0) return
    const good = await runTests(names, folder, { signal: stop.signal, print: io.stdout })
    if (!good && !stop.signal.aborted) failed(exitCodes.failed)
  }
  // One thing after the other: what is typed while tests run waits for them.
  let going = Promise.resolve()
  const then = (does: () => Promise<void>) => {
    going = going
      .then(() => (stop.signal.aborted ? undefined : does()))
      .catch((error: Error) => {
        if (stop.signal.aborted) return
        const { message } = error
        io.stderr(
          `hdsync: ${message}\n${error instanceof HdsyncError && error.hint ? `  ${error.hint}\n` : ''}`,
        )
        failed(error instanceof UsageError ? exitCodes.usage : exitCodes.failed)
      })
  }
  const lines = createInterface({ input, terminal: false })
  const ended = new Promise<void>((resolve) => {
    lines.on('close', resolve)
    stop.signal.addEventListener('abort', () => resolve())
  })
  const unlisten = onEndingSignals(() => stop.abort())
  const unwatch = watchFolder(folder, (files) => {
    then(async () => {
      print(paint.dim(`${files.join(', ')} changed`))
      await bench.load()
      await test(files)
      if (last) await deliver(last)
    })
  })
  try {
    then(() => bench.load())
    const { event } = options
    if (event !== undefined) {
      then(async () => {
        for (const one of eventsOfOption(event, bench.registry, given)) await deliver(one)
      })
    }
    then(async () => print(paint.dim('a line TYPE {json} delivers an event; Ctrl-C ends')))
    lines.on('line', (line) => {
      if (line.trim() !== '') then(async () => deliver(eventOfLine(line, bench.registry)))
    })
    await ended
    if (stop.signal.aborted) return exitCodes.succeeded
    await Promise.race([
      settled(() => going),
      new Promise((resolve) => stop.signal.addEventListener('abort', resolve)),
    ])
    return stop.signal.aborted ? exitCodes.succeeded : exitCode
  } finally {
    stop.abort()
    unwatch()
    lines.close()
    input.pause()
    bench.close()
    await going
    unlisten()
  }
}

/** Waits until nothing has been added to a chain of promises while it was waited for. */
async function settled(chain: () => Promise<void>): Promise<void> {
  for (let seen: Promise<void> | undefined; seen !== chain(); ) {
    seen = chain()
    await seen
  }
}

/** In a process of their own, which loads the functions as they are now. */
async function runTests(
  names: readonly string[],
  folder: string,
  { signal, print }: { signal: AbortSignal; print: (text: string) => void },
): Promise<boolean> {
  const runner = createRunner({ observer: unobserved, signal, owner: 'dev' })
  const { exitCode } = await runner.run({
    argv: [process.execPath, ownFile('cli/main'), 'functions', 'test', ...names, '--dir', folder],
    timeoutMs: longestTestMs,
    accept: [0, 1, 2],
    onStdout: (chunk) => print(chunk.toString()),
    onStderr: (chunk) => print(chunk.toString()),
  })
  return exitCode === 0
}
