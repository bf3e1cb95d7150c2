import { AsyncLocalStorage } from 'node:async_hooks'
import { Worker } from 'node:worker_threads'
import type { EventDefinition } from '../../../events/define.ts'
import { CancelledError, TerminalError } from '../../errors.ts'
import type { FunctionDefinition } from '../function.ts'
import { type Ask, runCall } from './calls.ts'
import { dryFlag, watchEffects, withoutEffects } from './effects.ts'
import { loadFiles } from './load-files.ts'
import type { FromGuest, ToGuest, Work } from './messages.ts'
import { type ModuleOptions, watchModules } from './modules.ts'
import { makeThrown, tellThrown } from './thrown.ts'

/** How often the guest looks whether hdsync is still there. */
const lookMs = 1000

/**
 * The process of the user's functions: loads them when told to, and runs them when told to. It does nothing by itself, and
 * ends with its parent.
 */
export function serveGuests(catalogue: ReadonlyMap<string, EventDefinition>, modules: ModuleOptions): void {
  const calls = new Map<number, AbortController>()
  const current = new AsyncLocalStorage<number>()
  const asked = new Map<number, PromiseWithResolvers<unknown>>()
  let definitions: ReadonlyMap<string, FunctionDefinition> = new Map()
  let questions = 0
  const files = watchModules(modules)
  endWithParent()
  const isDry = process.argv.includes(dryFlag)
  if (isDry) watchEffects()
  watchStrays((error) => send({ kind: 'stray', call: current.getStore(), error: tellThrown(error) }))

  const asker =
    (call: number): Ask =>
    (path, args) => {
      const id = ++questions
      const answer = Promise.withResolvers<unknown>()
      asked.set(id, answer)
      try {
        send({ kind: 'ask', call, id, path, args })
      } catch (error) {
        // What is no data (a function, a stream) does not go to another process.
        asked.delete(id)
        answer.reject(new TerminalError(`${path.join('.')}(): ${(error as Error).message}`))
      }
      return answer.promise
    }

  const load = async (names: readonly string[]) => {
    const { definitions: found, ...told } = await loadFiles(names, catalogue, {
      loaded: files,
      announce: (file) => sendNow({ kind: 'loading', file }),
    })
    definitions = found
    send({ kind: 'loaded', loaded: { ...told, files: [...files] } })
  }

  const take = async (call: number, work: Work) => {
    const end = new AbortController()
    calls.set(call, end)
    try {
      const definition = definitions.get(work.function)
      if (!definition) throw new TerminalError(`${work.function} could not be loaded`)
      const options = { call, definition, signal: end.signal, ask: asker(call), send }
      const run = () => runCall(work, options)
      const result = await current.run(call, () => (isDry ? withoutEffects(run, { programs: true }) : run()))
      send({ kind: 'ended', call, ...result })
    } catch (error) {
      send({ kind: 'ended', call, error: tellThrown(error) })
    } finally {
      calls.delete(call)
      // What it has left running hears that it is over.
      end.abort(new CancelledError(`${work.function} has ended`))
    }
  }

  process.on('message', (message: ToGuest) => {
    switch (message.kind) {
      case 'load':
        return void load(message.files)
      case 'call':
        return void take(message.call, message.work)
      case 'abort':
        send({ kind: 'aborting', call: message.call })
        return calls.get(message.call)?.abort(makeThrown(message.reason))
      case 'answer': {
        const answer = asked.get(message.id)
        asked.delete(message.id)
        if (message.error) answer?.reject(makeThrown(message.error))
        else answer?.resolve(message.value)
      }
    }
  })
}

function send(message: FromGuest): void {
  process.send?.(message)
}

/** Resolves once it has been written: what comes next may end the process. */
function sendNow(message: FromGuest): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))
}

/** A call that never yields does not hear that its parent is gone: a thread of its own looks. */
function endWithParent(): void {
  process.on('disconnect', () => exit(0))
  const text = `const parent = process.ppid
    setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), ${lookMs})`
  new Worker(text, { eval: true, env: {}, execArgv: [], stdin: false }).unref()
}

const exit = process.exit.bind(process)

/** What nobody has caught is told, with the call that it comes from; the parent decides what becomes of the process. */
function watchStrays(tell: (error: unknown) => void): void {
  process.on('unhandledRejection', tell)
  process.on('uncaughtException', tell)
  process.exit = (code) => {
    tell(new Error(`it called process.exit(${code ?? ''})`))
    return exit(code)
  }
}
