import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { appImage, compileCache } from './app.ts'
import { labAvailable, searchPath } from './available.ts'
import { type Result, Running, type RunOptions } from './running.ts'
import { scratchFolder } from './scratch.ts'

export { labAvailable } from './available.ts'
export type { Result, Running, RunOptions } from './running.ts'
export { scratchFolder } from './scratch.ts'

export interface BootOptions {
  /** Files that become /dev/ubda, /dev/ubdb, ... Seven at most. They outlive the machine. */
  disks?: string[]
  /** As the kernel writes it. The default, 1536M, is taken from the host only as it is used. */
  memory?: string
  /** For the console's log, scripts and output; /run/lab inside. A scratch folder when not given. */
  dir?: string
  /** Image mounted read-only at /opt/hdsync. By default the checkout as it is now; false for none. */
  app?: string | false
  /**
   * A system of its own with systemd as its process 1, instead of the overlay over the host's root: an image
   * and the file that takes what is changed, of which a later boot can be given the same one.
   */
  root?: { image: string; changes: string }
}

const bootTimeoutMs = 180_000
/** systemd starts fifty processes, udev one for each device. */
const systemBootTimeoutMs = 600_000
const powerOffTimeoutMs = 90_000
const on = new Set<Machine>()

type MachineOptions = Required<Omit<BootOptions, 'root'>> & Pick<BootOptions, 'root'>

// A machine never outlives the tests. If even this handler is not run, the agent inside sees its line end.
process.once('exit', () => {
  for (const machine of on) machine.kill()
})

/** Makes an empty disk: a sparse file that takes room only for what is written to it. Returns its path. */
export async function makeDisk(dir: string, name: string, sizeBytes: number): Promise<string> {
  const path = join(dir, name)
  const file = await open(path, 'w')
  await file.truncate(sizeBytes)
  await file.close()
  return path
}

/**
 * Boots a throw-away machine with a real kernel in about two seconds. Its root is an overlay over the
 * host's: every program is there, nothing on the host changes. Needs no root.
 * @throws When it does not come up; the error ends with the console's last lines.
 */
export async function boot(options: BootOptions = {}): Promise<Machine> {
  const available = labAvailable()
  if (!available.ok) throw new Error(available.why)
  const { app = await appImage(), dir = scratchFolder(), disks = [] } = options
  // The kernel would boot without it, and leave everybody wondering.
  const missing = disks.find((path) => !existsSync(path))
  if (missing) throw new Error(`the lab machine has no disk ${missing}: makeDisk() makes one`)
  mkdirSync(dir, { recursive: true })
  const machine = new Machine({ memory: '1536M', ...options, app, dir, disks })
  await machine.up(options.root ? systemBootTimeoutMs : bootTimeoutMs)
  return machine
}

/** A machine, made by boot(). It keeps this process alive until it is off. */
export class Machine {
  /** The host's side of /run/lab. */
  readonly dir: string
  readonly #uml: ChildProcess
  readonly #line: Duplex
  readonly #gone: Promise<false>
  readonly #running = new Map<string, Running>()
  #runs = 0

  constructor(options: MachineOptions) {
    this.dir = options.dir
    const log = openSync(join(this.dir, 'console.log'), 'w')
    this.#uml = spawn('taskset', ['-c', processor(), 'linux.uml', ...kernelArguments(options)], {
      // A group of its own: the kernel and each process inside are processes of the host.
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
      env: { PATH: searchPath.join(delimiter), TMPDIR: memoryFolder(options.memory) },
    })
    closeSync(log)
    this.#line = this.#uml.stdio[3] as Duplex
    this.#line.on('error', () => {})
    on.add(this)
    this.#gone = new Promise((resolve) => {
      this.#uml.once('error', () => resolve(false)).once('exit', () => resolve(false))
    })
    this.#gone.then(() => this.#ended())
  }

  /** Waits until the machine takes orders. Called by boot(). */
  async up(timeoutMs: number): Promise<void> {
    const ready = new Promise<true>((resolve) => {
      const lines = createInterface({ input: this.#line })
      // When the power is cut, the line breaks; the process's end says so.
      lines.on('error', () => {})
      lines.on('line', (line) => {
        const [word, id = '', value] = line.split(' ')
        if (word === 'ready') resolve(true)
        if (word === 'started') this.#running.get(id)?.started(Number(value))
        if (word === 'ended') this.#running.get(id)?.ended(Number(value))
      })
    })
    if (await Promise.race([ready, this.#gone, pause(timeoutMs, false, { ref: false })])) return
    await this.cutPower()
    throw new Error(`the lab machine did not come up:\n${this.#lastWords()}`)
  }

  /** Runs a bash script as root and waits for its end. The round trip takes 50 ms. */
  async run(script: string, options: RunOptions = {}): Promise<Result> {
    return (await this.start(script)).wait(options)
  }

  /** Runs a bash script that has to succeed. Returns what it printed, without the last newline. */
  async ok(script: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(script, options)
    if (code !== 0) throw new Error(`exit ${code} of\n${script}\n${stdout}${stderr}`)
    return stdout.replace(/\n$/, '')
  }

  /** Begins a bash script in the background, in a process group of its own. */
  async start(script: string): Promise<Running> {
    const id = String(++this.#runs)
    const running = new Running(this, join(this.dir, id))
    await running.write(script)
    if (!on.has(this)) throw new Error(`the lab machine is off:\n${this.#lastWords()}`)
    this.#running.set(id, running)
    this.order(`run ${id}`)
    return running
  }

  /** All that the kernel has said since the boot. */
  console(): string {
    return readFileSync(join(this.dir, 'console.log'), 'utf8')
  }

  /** Pulls the plug: nothing is flushed, and a second boot finds what has reached the disks' files. */
  async cutPower(): Promise<void> {
    this.kill()
    await this.#gone
  }

  /** Ends every process, unmounts, and stops the machine in order. */
  async powerOff(): Promise<void> {
    this.order('off')
    await Promise.race([this.#gone, pause(powerOffTimeoutMs, false, { ref: false })])
    await this.cutPower()
  }

  /** Tells the agent inside what to do; see the file `agent`. */
  order(line: string): void {
    if (on.has(this)) this.#line.write(`${line}\n`)
  }

  /** cutPower() without waiting. */
  kill(): void {
    try {
      if (on.has(this) && this.#uml.pid) process.kill(-this.#uml.pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }

  #ended(): void {
    this.kill()
    on.delete(this)
    const why = new Error(`the lab machine went off:\n${this.#lastWords()}`)
    for (const running of this.#running.values()) running.lost(why)
  }

  #lastWords(): string {
    return this.console().trimEnd().split('\n').slice(-30).join('\n')
  }
}

function kernelArguments({ disks, memory, dir, app, root }: MachineOptions): string[] {
  return [
    `mem=${memory}`,
    `uml_dir=${dir}`,
    ...(root ? systemArguments(root) : hostArguments),
    `lab=${dir}`,
    ...disks.map((path, index) => `ubd${index}=${path}`),
    ...(app ? [`ubd7r=${app}`, 'labapp=ubdh', `labcache=${compileCache()}`] : []),
    'con=null',
    'con0=null,fd:1',
    'ssl0=fd:3',
    'quiet',
  ]
}

const hostArguments = ['rootfstype=hostfs', 'ro', `init=${join(import.meta.dirname, 'init')}`]

/** Without 256 terminals of the old kind, and loop devices, udev is done in a third of the time. */
function systemArguments({ image, changes }: { image: string; changes: string }): string[] {
  const system = [`ubd15=${changes},${image}`, 'root=/dev/ubdp', 'rw', 'init=/lib/systemd/systemd']
  return [...system, 'pty.legacy_count=0', 'loop.max_loop=0']
}

/**
 * One processor of the host for the whole machine. Its kernel and its processes take turns at each system
 * call and page fault; to wake another processor for that makes all of it three to four times slower
 * (measured: a system call 67 and 15 µs, `node -e 0` 1.15 and 0.31 s).
 */
function processor(): string {
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const processors = allowed.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
  // vitest numbers its workers: machines of test files that run side by side do not share a processor.
  const worker = Number(process.env.VITEST_POOL_ID ?? 0)
  return String(processors[(process.ppid + worker) % processors.length])
}

/**
 * The machine's memory is an unlinked file. It belongs in a tmpfs that is large enough: on a disk it is
 * slow, and a full tmpfs (64 MB in many containers) ends the machine with SIGBUS.
 */
function memoryFolder(memory: string): string {
  const sizeBytes = Number.parseInt(memory, 10) * (/g$/i.test(memory) ? 2 ** 30 : 2 ** 20)
  const { bavail, bsize } = statfsSync('/dev/shm')
  return bavail * bsize > sizeBytes ? '/dev/shm' : tmpdir()
}
