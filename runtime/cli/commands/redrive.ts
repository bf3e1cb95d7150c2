import { setTimeout as sleep } from 'node:timers/promises'
import type { RunResult } from '../../../events/index.ts'
import type { Redriven } from '../../backup/engine/redrive.ts'
import { readPast } from '../../backup/past.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { heldBack } from '../../core/bus/bus.ts'
import type { DeadLetter } from '../../core/bus/journal.ts'
import { HdsyncError, reasonOf, UsageError } from '../../errors.ts'
import { asked, type Daemon } from '../daemon/client.ts'
import { daemonOf, followRun } from '../daemon/remote.ts'
import { exitCodes } from '../exit-codes.ts'
import { localTime } from '../format.ts'
import { type InProcess, workInProcess } from '../in-process.ts'
import type { Io } from '../io.ts'
import { viewFor } from '../view/choose.ts'
import type { View } from '../view/lines.ts'
import { resultText } from '../view/result.ts'
import type { Past } from './run.ts'

export interface RedriveCommandOptions {
  config?: string
  all?: boolean
  json?: boolean
  quiet?: boolean
}

/** As `redrive --json` prints it, one for each dead letter that was taken up. */
interface RedriveRow {
  id: number
  function: string
  run: string | null
  /** Whether that is a new run. */
  restarted: boolean
  /** What became of it; that of the new run, if there is one. */
  state: RunResult['state'] | 'done' | 'waiting'
  error: string | null
}

/** Where dead letters are taken up: in this process, or in the daemon. */
interface Workshop {
  redrive(id: number): Promise<Redriven>
  follow(runId: string): Promise<{ result: RunResult; exitCode: number }>
  look<T>(read: (past: Past) => T): T
  stopped?: AbortSignal
}

/** How long the end of one that is tried again in its own run is waited for. */
const patienceMs = 15_000
const pollMs = 100

/**
 * `hdsync redrive`: takes a dead letter up again, or all, and follows what comes of it.
 * @throws {UsageError} It is none, or cannot be taken up any more.
 */
export async function redriveCommand(
  id: string | undefined,
  options: RedriveCommandOptions,
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const wanted = wantedOf(id, options)
  const view = await viewFor(config, options, io)
  for (const warning of config.warnings) view.note(warning)
  try {
    const daemon = await daemonOf(config)
    if (daemon) return await takeUp(wanted, inDaemon(daemon, config, view), options, view, io)
    return await workInProcess(config, view, io, (here) => takeUp(wanted, inProcess(here), options, view, io))
  } finally {
    view.end()
  }
}

/** @returns A number, or undefined for all. */
function wantedOf(id: string | undefined, { all }: RedriveCommandOptions): number | undefined {
  if (all && id === undefined) return undefined
  if (all || id === undefined) {
    throw new UsageError(all ? 'either a dead letter or --all, not both' : 'name a dead letter, or --all', {
      hint: '`hdsync dead` lists them',
    })
  }
  if (/^\d+$/.test(id)) return Number(id)
  throw new UsageError(`${JSON.stringify(id)} is no dead letter: they have numbers`, {
    hint: '`hdsync dead` lists them',
  })
}

function inProcess({ engine, follow, stopped }: InProcess): Workshop {
  return { redrive: (id) => engine.redrive(id), follow, stopped, look: (read) => read(engine) }
}

function inDaemon(daemon: Daemon, config: Config, view: View): Workshop {
  return {
    async redrive(id) {
      type Answer = { run: string | null; restarted: boolean }
      const { run, restarted } = await asked(daemon.post<Answer>(`/dead/${id}/redrive`))
      return { runId: run ?? '', restarted }
    },
    follow: (runId) => followRun(daemon, runId, view),
    look: (read) => readPast(config, read),
  }
}

async function takeUp(
  wanted: number | undefined,
  workshop: Workshop,
  options: RedriveCommandOptions,
  view: View,
  io: Io,
): Promise<number> {
  const rows: RedriveRow[] = []
  const seen = new Set<number>()
  let exitCode: number = exitCodes.succeeded
  // Read anew each time: one that runs its source again covers others.
  for (let letter = next(); letter && !workshop.stopped?.aborted; letter = next()) {
    seen.add(letter.id)
    const ended = await takeUpOne(letter, workshop, view).catch((error: unknown) => {
      if (wanted !== undefined || !(error instanceof HdsyncError)) throw error
      view.note(`dead letter ${letter?.id} is left: ${reasonOf(error)}`)
    })
    exitCode ||= ended ? ended.exitCode : exitCodes.failed
    if (ended) rows.push(ended.row)
    if (ended && !options.json) io.stdout(rowText(ended, io))
  }
  if (options.json) io.stdout(`${JSON.stringify(rows)}\n`)
  else if (seen.size === 0) io.stdout('no dead letters\n')
  return exitCode

  function next(): DeadLetter | undefined {
    const letters = workshop.look(({ journal }) => journal.dead()).filter(({ id }) => !seen.has(id))
    if (wanted === undefined) return letters[0]
    const letter = letters.find(({ id }) => id === wanted)
    if (letter || seen.size > 0) return letter
    throw new UsageError(`there is no dead letter ${wanted}`, { hint: '`hdsync dead` lists them' })
  }
}

interface Ended {
  row: RedriveRow
  exitCode: number
  result?: RunResult
  waitsUntil?: number
}

async function takeUpOne(letter: DeadLetter, workshop: Workshop, view: View): Promise<Ended> {
  const { id, function: name } = letter
  const { runId, restarted } = await workshop.redrive(id)
  const row = { id, function: name, run: runId || null, restarted }
  if (!restarted) return endOf(letter, row, workshop)
  view.note(`dead letter ${id}: its own run cannot go on, so its source is run again, in run ${runId}`)
  const { result, exitCode } = await workshop.follow(runId)
  const error = result.sources.find((one) => one.error !== null)?.error ?? null
  return { row: { ...row, state: result.state, error }, exitCode, result }
}

/** Waits for what comes of a delivery that is tried again in its place. */
async function endOf(
  { id }: DeadLetter,
  row: Omit<RedriveRow, 'state' | 'error'>,
  { look, stopped }: Workshop,
): Promise<Ended> {
  const until = Date.now() + patienceMs
  for (;;) {
    const { open, dead } = look(({ bus, journal }) => ({
      open: bus.open().find((delivery) => delivery.id === id),
      dead: journal.dead().find((letter) => letter.id === id),
    }))
    if (dead) return { row: { ...row, state: 'failed', error: dead.error }, exitCode: exitCodes.failed }
    if (!open) return { row: { ...row, state: 'done', error: null }, exitCode: exitCodes.succeeded }
    const tooLate = Math.max(open.runAt, Date.now()) > until && open.runAt !== heldBack
    if (tooLate || stopped?.aborted) {
      return {
        row: { ...row, state: 'waiting', error: null },
        exitCode: exitCodes.succeeded,
        waitsUntil: open.runAt,
      }
    }
    await sleep(pollMs)
  }
}

function rowText({ row, result, waitsUntil = 0 }: Ended, io: Io): string {
  if (result) return resultText(result, io)
  const name = `dead letter ${row.id} (${row.function})`
  if (row.state === 'done') return `${name}: done\n`
  if (row.state === 'failed') return `${name}: given up again: ${row.error}\n`
  const when = waitsUntil > Date.now() ? `, not before ${localTime(waitsUntil)}` : ''
  return `${name}: taken up; \`hdsync serve\` or the next \`hdsync run\` goes on with it${when}\n`
}
