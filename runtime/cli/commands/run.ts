import { backupStart, copyStart, type RunResult, verifyStart } from '../../../events/index.ts'
import { isCopyDue, isVerifyDue } from '../../backup/engine/turns.ts'
import type { Engine } from '../../backup/engine.ts'
import { type Config, hasSources } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import { daemonOf, followRemote, type Wish } from '../daemon/remote.ts'
import { isHeldLong } from '../failure/held-long.ts'
import { formerConfig, tellFailure } from '../failure/tell.ts'
import { noteTold } from '../failure/told.ts'
import { type InProcess, workInProcess } from '../in-process.ts'
import type { Io } from '../io.ts'
import { notRoot, rootNeeded } from '../needs-root.ts'
import { readJournal } from '../store.ts'
import { viewFor } from '../view/choose.ts'
import type { View } from '../view/lines.ts'
import { resultText } from '../view/result.ts'

export interface RunOptions {
  config?: string
  json?: boolean
  quiet?: boolean
  safe?: boolean
  /** Whether it waits for a slot of the fleet; it does unless told otherwise. */
  slot?: boolean
  /** How long it waits for another process that is at no run; half a minute unless given. */
  patienceMs?: number
}

const usualPatienceMs = 30_000

/** `hdsync run`: starts a run, follows it, and says how it went. */
export async function runCommand(sources: string[], options: RunOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env }).catch(async (error) => {
    const former = await formerConfig(options.config, io)
    if (former) await tellFailure(error, former, io)
    throw error
  })
  checkSources(sources, config)
  const data = sources.length > 0 ? { sources } : {}
  return follow(config, options, io, { data, safe: options.safe ?? false, noSlot: options.slot === false })
}

/** What is read of the past to know what to ask for. */
export type Past = Pick<Engine, 'bus' | 'journal'>

/**
 * Runs one backup and follows it: the daemon does it where there is one, this process otherwise, as the only one on
 * the state directory.
 */
export async function follow(config: Config, options: RunOptions, io: Io, wish: Wish): Promise<number> {
  if (!hasSources(config))
    throw new UsageError(
      `${config.file} has no sources: this machine is a vault, and backs up nothing of its own`,
      {
        hint: 'what it has of other hosts: hdsync vault status; its timer is not needed: systemctl disable --now hdsync-backup.timer',
      },
    )
  const view = await viewFor(config, options, io)
  for (const warning of config.warnings) view.note(warning)
  const print = (result: RunResult) => {
    noteEnd(result, config, io)
    view.end()
    io.stdout(options.json ? `${JSON.stringify(result)}\n` : resultText(result, io))
  }
  const isNight = 'data' in wish
  /** A night that cannot be is never silent; somebody who releases a hold sees it. */
  const tellingOf = <T>(answer: Promise<T>) =>
    answer.catch(async (error) => {
      if (isNight) await tellFailure(error, config, io)
      throw error
    })
  try {
    const daemon = await tellingOf(daemonOf(config))
    if (daemon) {
      const { exitCode, result, going } = await tellingOf(followRemote(daemon, wish, view))
      if (result) print(result)
      else if (going !== undefined && isHeldLong(startOf(going, config))) {
        const reason = `run ${going} has not ended for half a day: nothing was started`
        await tellFailure(new HdsyncError(reason), config, io)
      }
      return exitCode
    }
    const reason = rootNeeded(config, 'data' in wish ? wish.data.sources : wish.sources)
    if (reason) {
      const error = notRoot(reason, commandOf(wish))
      await tellFailure(error, config, io)
      throw error
    }
    const work = async (here: InProcess) => {
      const runId = await begin(here.engine, wish)
      const { result, exitCode } = await here.follow(runId)
      print(result)
      const noSlot = isNight && (wish.noSlot ?? false)
      if (!here.stopped.aborted) await copyAfter(here, config, view, noSlot)
      if (!here.stopped.aborted) await verifyAfter(here, config, view)
      return exitCode
    }
    return await workInProcess(
      config,
      view,
      io,
      work,
      isNight ? { patienceMs: options.patienceMs ?? usualPatienceMs } : {},
    )
  } finally {
    view.end()
  }
}

/** Copies archives to other places once a night is over. How that goes, hooks are told. */
async function copyAfter(
  { engine, follow }: InProcess,
  config: Config,
  view: View,
  noSlot: boolean,
): Promise<void> {
  if (!isCopyDue(config, engine)) return
  view.note('copies archives, as `copies` in the config says; Ctrl-C pauses that')
  await follow(await engine.trigger(copyStart, {}, { noSlot }))
}

/**
 * Reads backups again once a night is over, if it is time for that. How that goes, hooks are told: the night has gone as it has
 * gone.
 */
async function verifyAfter({ engine, follow }: InProcess, config: Config, view: View): Promise<void> {
  if (!isVerifyDue(config, engine, Date.now())) return
  view.note('reads backups again, as `verify` in the config says; Ctrl-C pauses that')
  await follow(await engine.trigger(verifyStart, {}))
}

async function begin(engine: Engine, wish: Wish): Promise<string> {
  if ('data' in wish)
    return engine.trigger(backupStart, wish.data, { safe: wish.safe ?? false, noSlot: wish.noSlot ?? false })
  return (await engine.release(wish.release)).runId
}

/** Hooks are told of the end of a run: not a second time of the unit that failed by it. */
function noteEnd({ state }: RunResult, config: Config, { env }: Io): void {
  if (!env.INVOCATION_ID || state === 'running') return
  noteTold(config.state, { at: Date.now(), invocation: env.INVOCATION_ID, end: `run.${state}` })
}

function startOf(runId: string, config: Config): number | undefined {
  return readJournal(config, (journal) => journal.run(runId)?.startedAt)
}

function commandOf(wish: Wish): string {
  return 'data' in wish ? ['run', ...(wish.data.sources ?? [])].join(' ') : `release ${wish.release}`
}
