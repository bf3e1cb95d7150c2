import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, CommandRunner, OpenCommand } from './command.ts'
import { argvOf, environmentOf, processIds, sessionOf } from './orphans.ts'

/** Runs programs of the user's. */
export interface Programs extends CommandRunner {
  /** Resolves once all that were started have ended; what hangs in the kernel is not waited for. */
  ended(): Promise<void>
}

/** Longer than it takes to end one that does not heed SIGTERM. */
const endsInMs = 10_000

/**
 * Each program has a session of its own, and a note of it lies in a folder while it runs: so a later hdsync can end the
 * program if this one is killed, before its function is attempted again.
 * @param folder Of the notes; it is made when the first program begins.
 */
export function programRunner(runner: CommandRunner, folder: string): Programs {
  const running = new Set<Promise<unknown>>()
  /** @param start Its promise is over when the program is. */
  const noted = async <T>(command: Command, start: (marked: Command) => Promise<T>): Promise<T> => {
    const mark = randomUUID()
    const note = join(folder, mark)
    // Before it begins, so that there is no moment at which it runs without one.
    writeNote(note, '')
    // What a program leaves running on purpose is not ours to end.
    const env = { ...command.env, HDSYNC_OWNER: '', HDSYNC_PROGRAM: mark }
    const result = start({ ...command, env, onStarted: (pid) => writeNote(note, String(pid)) })
    running.add(result)
    try {
      return await result
    } finally {
      running.delete(result)
      removeNote(note)
    }
  }
  return {
    run: (command) => noted(command, (marked) => runner.run(marked)),
    open(command) {
      const opened = Promise.withResolvers<OpenCommand>()
      const ended = noted(command, async (marked) => {
        const open = await runner.open(marked)
        opened.resolve(open)
        return open.result
      })
      ended.catch(opened.reject)
      return opened.promise
    },
    async ended() {
      if (running.size === 0) return
      await Promise.race([Promise.allSettled(running), sleep(endsInMs, undefined, { ref: false })])
    },
  }
}

/** Without it the program runs all the same; a later hdsync would not find it. */
function writeNote(note: string, text: string): void {
  try {
    mkdirSync(dirname(note), { recursive: true, mode: 0o700 })
    writeFileSync(note, text, { mode: 0o600 })
  } catch {}
}

function removeNote(note: string): void {
  try {
    rmSync(note, { force: true })
  } catch {}
}

export interface ProgramLimits {
  /** From SIGTERM to SIGKILL. */
  killDelayMs: number
  /** What hangs in the kernel does not end even then; after this long hdsync goes on beside it. */
  patienceMs: number
  /** How long a process is looked at again that shows no environment, as it does in the moment of execve(2). */
  blankMs: number
}

const usual: ProgramLimits = { killDelayMs: 5000, patienceMs: 30_000, blankMs: 300 }

/**
 * Ends the programs that a killed hdsync has left: all processes in the session of each, whatever has become of the program
 * itself. What has moved to a session of its own (setsid) has set itself free on purpose, and is left alone.
 * @param folder Of the notes.
 * @param warn Told of each program that is ended, and of each that does not end.
 */
export async function endPrograms(
  folder: string,
  warn: (message: string) => void = () => {},
  { killDelayMs, patienceMs, blankMs }: ProgramLimits = usual,
): Promise<void> {
  const notes = readNotes(folder)
  if (notes.length === 0) return
  const startedAt = process.uptime()
  const names = new Map<Note, string>()
  for (;;) {
    const elapsedMs = (process.uptime() - startedAt) * 1000
    const processes = listProcesses()
    const isUnsure = elapsedMs < blankMs && notes.some((note) => mayBeOf(note, processes))
    const left = notes.flatMap((note) => {
      const pids = membersOf(note, processes)
      return pids.length > 0 ? [{ note, pids }] : []
    })
    for (const { note, pids } of left) {
      if (names.has(note)) continue
      names.set(note, nameOf(note, pids))
      warn(`ends a program that an earlier hdsync has left running: ${names.get(note)}`)
    }
    if ((left.length === 0 && !isUnsure) || elapsedMs > patienceMs) {
      for (const { note } of left) warn(`${names.get(note)} does not end: going on without it`)
      for (const { file } of notes) rmSync(file, { force: true })
      return
    }
    const name = elapsedMs > killDelayMs ? 'SIGKILL' : 'SIGTERM'
    for (const pid of left.flatMap(({ pids }) => pids)) signal(pid, name)
    await sleep(50)
  }
}

interface Note {
  file: string
  mark: string
  /** Undefined where hdsync was killed in the moment in which the program began. */
  session: number | undefined
  /** The number of a session may be given again: it is this program's once one in it was seen with the mark. */
  isProven: boolean
}

function readNotes(folder: string): Note[] {
  try {
    return readdirSync(folder).map((mark) => {
      const file = join(folder, mark)
      return { file, mark, session: Number(readFileSync(file, 'utf8')) || undefined, isProven: false }
    })
  } catch {
    return []
  }
}

interface Process {
  pid: number
  session: number
}

/** Those that have ended and were not waited for are left out, and the kernel's own. */
function listProcesses(): Process[] {
  return processIds().flatMap((pid) => {
    const session = sessionOf(pid)
    return session ? { pid, session } : []
  })
}

/** What is left of a program. */
function membersOf(note: Note, processes: readonly Process[]): number[] {
  const isMarked = ({ pid }: Process) => environmentOf(pid).includes(`\0HDSYNC_PROGRAM=${note.mark}\0`)
  if (note.session === undefined) return processes.filter(isMarked).map(({ pid }) => pid)
  const members = processes.filter(({ session }) => session === note.session)
  note.isProven ||= members.some(isMarked)
  return note.isProven ? members.map(({ pid }) => pid) : []
}

/** Whether some process may be of a program that is not found yet, as it shows no environment. */
function mayBeOf({ session, isProven }: Note, processes: readonly Process[]): boolean {
  const among = session === undefined ? processes : processes.filter((process) => process.session === session)
  return !isProven && among.some(({ pid }) => environmentOf(pid) === '\0')
}

function nameOf({ session }: Note, [first = 0, ...others]: readonly number[]): string {
  const shown = [session ?? first, first, ...others].map((pid) => argvOf(pid).join(' '))
  return `${(shown.find((line) => line !== '') ?? '').slice(0, 100)} (process ${session ?? first})`
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended in the meantime.
  }
}
