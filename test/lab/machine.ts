import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { copyFile, open } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { appImage } from './app.ts'
import { labAvailable, searchPath } from './available.ts'
import { labKernel } from './kernel.ts'
import { type Hardware, qemuWords } from './qemu.ts'
import { type Result, Running, type RunOptions } from './running.ts'
import { scratchFolder } from './scratch.ts'

export { labAvailable } from './available.ts'
export type { Result, Running, RunOptions } from './running.ts'
export { scratchFolder } from './scratch.ts'

export interface BootOptions {
  /** Files that become /dev/vda, /dev/vdb, ... They outlive the machine. */
  disks?: string[]
  /** 1536M by default, taken from the host only as it is used. */
  memory?: string
  /** 1 by default, so that machines can run side by side. */
  processors?: number
  /** For the console's log, scripts and output; /run/lab inside. A scratch folder when not given. */
  dir?: string
  /** Image mounted read-only at /opt/hdsync. By default the checkout as it is now; false for none. */
  app?: string | false
  /**
   * A system of its own with systemd as its process 1, instead of the overlay over the host's root: an image
   * and the disk that becomes a copy of it, of which a later boot can be given the same one.
   */
  root?: { image: string; disk: string }
  /** Starts from the first disk by its own boot loader, kernel and root, with systemd: nothing but the firmware is the lab's. */
  ownStart?: boolean
}

const bootTimeoutMs = 180_000
/** systemd starts fifty processes, udev one for each device. */
const systemBootTimeoutMs = 600_000
const powerOffTimeoutMs = 90_000
const on = new Set<Machine>()

/**
 * A command line before another one, which is then killed when this process ends, however that happens. Who ended before
 * the kernel was asked for it is not the parent any more.
 * @see setpriv(1), --pdeathsig
 */
const untilWeEnd = ['--pdeathsig', 'KILL', 'sh', '-c', '[ "$PPID" = "$0" ] && exec "$@"', `${process.pid}`]

// A machine never outlives whoever booted it. If even this handler is not run, the kernel ends it.
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
 * Boots a throw-away machine with a real kernel in about four seconds. Its root is an overlay over the
 * host's: every program is there, nothing on the host changes. Needs no root.
 * @throws When it does not come up; the error ends with the console's last lines.
 */
export async function boot(options: BootOptions = {}): Promise<Machine> {
  const available = labAvailable()
  if (!available.ok) throw new Error(available.why)
  const { app = await appImage(), dir = scratchFolder(), disks = [], root, ownStart = false } = options
  // The kernel would boot without it, and leave everybody wondering.
  const missing = disks.find((path) => !existsSync(path))
  if (missing) throw new Error(`the lab machine has no disk ${missing}: makeDisk() makes one`)
  mkdirSync(dir, { recursive: true })
  if (root && !existsSync(root.disk)) await copyFile(root.image, root.disk, constants.COPYFILE_FICLONE)
  const { memory = '1536M', processors = 1 } = options
  const kernel = await labKernel()
  const machine = new Machine({
    kernel,
    memory,
    processors,
    dir,
    disks,
    app,
    ownStart,
    ...(root && { root: root.disk }),
  })
  await machine.up(root || ownStart ? systemBootTimeoutMs : bootTimeoutMs)
  return machine
}

/** A machine, made by boot(). It keeps this process alive until it is off. */
export class Machine {
  /** The host's side of /run/lab. */
  readonly dir: string
  readonly #qemu: ChildProcess
  readonly #gone: Promise<false>
  readonly #running = new Map<string, Running>()
  #runs = 0

  constructor(hardware: Hardware) {
    this.dir = hardware.dir
    const console = join(this.dir, 'console.log')
    writeFileSync(console, '')
    const errors = openSync(console, 'a')
    this.#qemu = spawn('setpriv', [...untilWeEnd, 'qemu-system-x86_64', ...qemuWords(hardware)], {
      // A group of its own: Ctrl-C in a terminal is for the tests, which end their machines.
      detached: true,
      stdio: ['pipe', 'pipe', errors],
      env: { PATH: searchPath.join(delimiter) },
    })
    closeSync(errors)
    this.#qemu.stdin?.on('error', () => {})
    on.add(this)
    this.#gone = new Promise((resolve) => {
      this.#qemu.once('error', () => resolve(false)).once('exit', () => resolve(false))
    })
    this.#gone.then(() => this.#ended())
  }

  /** Waits until the machine takes orders. Called by boot(). */
  async up(timeoutMs: number): Promise<void> {
    const ready = new Promise<true>((resolve) => {
      const lines = createInterface({ input: this.#qemu.stdout as Readable })
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
    if (on.has(this)) this.#qemu.stdin?.write(`${line}\n`)
  }

  /** cutPower() without waiting. */
  kill(): void {
    if (on.has(this)) this.#qemu.kill('SIGKILL')
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
