import { AsyncLocalStorage } from 'node:async_hooks'
import childProcess from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { TerminalError } from '../../errors.ts'

// Where nothing is to be executed, a function is kept from what it could do without `host`: what Node's own modules change on
// the disk or send over the network. It is a net for mistakes, no prison: native code and other threads pass.

/** An argument of the process of the user's functions: nothing is executed there. */
export const dryFlag = '--dry'

const writes = [
  'appendFile',
  'chmod',
  'chown',
  'copyFile',
  'cp',
  'lchown',
  'link',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'mkdtempDisposable',
  'rename',
  'rm',
  'rmdir',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
]
const programs = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync']

type Module = Record<string, unknown>
type Anything = (...args: unknown[]) => unknown

const guarded = new AsyncLocalStorage<boolean>()
let isInstalled = false

/**
 * Runs a function so that `fetch`, connections and writes by `node:fs` are refused in it. What `host` does is left alone.
 * @param options.programs Whether `node:child_process` is refused too; where `host` runs in the same process it is not.
 */
export function withoutEffects<T>(run: () => T, options: { programs: boolean }): T {
  watchEffects()
  return guarded.run(options.programs, run)
}

/** From now on what is imported can be refused; what was taken out of a module before cannot. Safe to repeat. */
export function watchEffects(): void {
  if (isInstalled) return
  isInstalled = true
  globalThis.fetch = guardAsync('fetch', globalThis.fetch as Anything) as typeof fetch
  net.Socket.prototype.connect = guard('a connection', net.Socket.prototype.connect as Anything) as never
  for (const name of [...writes.flatMap((one) => [one, `${one}Sync`]), 'createWriteStream']) {
    replace(fs as unknown as Module, name, guard)
  }
  for (const name of writes) replace(fs.promises as unknown as Module, name, guardAsync)
  for (const name of ['open', 'openSync']) replace(fs as unknown as Module, name, guardOpen)
  replace(fs.promises as unknown as Module, 'open', (name, real) => asAsync(guardOpen(name, real)))
  for (const name of programs) replace(childProcess as unknown as Module, name, guardProgram)
  // So that `import { writeFile } from 'node:fs'` has them too.
  syncBuiltinESMExports()
}

function replace(module: Module, name: string, by: (name: string, real: Anything) => Anything): void {
  const real = module[name]
  if (typeof real === 'function') module[name] = Object.assign(by(name, real as Anything), real)
}

function guard(name: string, real: Anything): Anything {
  return function (this: unknown, ...args: unknown[]) {
    if (guarded.getStore() !== undefined) throw refusal(name)
    return real.apply(this, args)
  }
}

/** What answers with a promise does not throw. */
function guardAsync(name: string, real: Anything): Anything {
  return asAsync(guard(name, real))
}

function asAsync(does: Anything): Anything {
  return async function (this: unknown, ...args: unknown[]) {
    return does.apply(this, args)
  }
}

function guardProgram(name: string, real: Anything): Anything {
  return function (this: unknown, ...args: unknown[]) {
    if (guarded.getStore()) throw refusal(name)
    return real.apply(this, args)
  }
}

const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants

/** @see open(2): what is opened to be read changes nothing. */
function guardOpen(name: string, real: Anything): Anything {
  return function (this: unknown, ...args: unknown[]) {
    if (guarded.getStore() !== undefined && opensToWrite(args[1])) throw refusal(name)
    return real.apply(this, args)
  }
}

function opensToWrite(flags: unknown): boolean {
  if (typeof flags === 'number') return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) !== 0
  return typeof flags === 'string' && !['r', 'rs', 'sr'].includes(flags)
}

function refusal(name: string): TerminalError {
  const what = name.includes(' ') ? name : `${name}()`
  return new TerminalError(
    `${what} is refused where nothing is executed: host.fetch and host.program are shown instead, and --execute does them`,
  )
}
