import { backupStart, type RunResult, verifyStart } from '../../../events/index.ts'
import { tellHooks } from '../../backup/engine/last-words.ts'
import { isVerifyDue } from '../../backup/engine/verify-turns.ts'
import type { Engine } from '../../backup/engine.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { daemonOf, followRemote, type Wish } from '../daemon/remote.ts'
import { type InProcess, workInProcess } from '../in-process.ts'
import type { Io } from '../io.ts'
import { notRoot, rootNeeded } from '../needs-root.ts'
import { viewFor } from '../view/choose.ts'
import type { View } from '../view/lines.ts'
import { resultText } from '../view/result.ts'

export interface RunOptions {
  config?: string
  json?: boolean
  quiet?: boolean
  safe?: boolean
}

/** `hdsync run`: starts a run, follows it, and says how it went. */
export async function runCommand(sources: string[], options: RunOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  checkSources(sources, config)
  const data = sources.length > 0 ? { sources } : {}
  return follow(config, options, io, { data, safe: options.safe ?? false })
}

/** What is read of the past to know what to ask for. */
export type Past = Pick<Engine, 'bus' | 'journal'>

/**
 * Runs one backup and follows it: the daemon does it where there is one, this process otherwise, as the only one on
 * the state directory.
 */
export async function follow(config: Config, options: RunOptions, io: Io, wish: Wish): Promise<number> {
  const view = await viewFor(config, options, io)
  for (const warning of config.warnings) view.note(warning)
  const print = (result: RunResult) => {
    view.end()
    io.stdout(options.json ? `${JSON.stringify(result)}\n` : resultText(result, io))
  }
  try {
    const daemon = await daemonOf(config)
    if (daemon) {
      const { exitCode, result } = await followRemote(daemon, wish, view)
      if (result) print(result)
      return exitCode
    }
    const reason = rootNeeded(config, 'data' in wish ? wish.data.sources : wish.sources)
    if (reason) {
      const error = notRoot(reason, commandOf(wish))
      // A night that cannot be is never silent.
      await tellHooks(error, config)
      throw error
    }
    return await workInProcess(config, view, async (here) => {
      const runId = await begin(here.engine, wish)
      const { result, exitCode } = await here.follow(runId)
      print(result)
      if (!here.stopped.aborted) await verifyAfter(here, config, view)
      return exitCode
    })
  } finally {
    view.end()
  }
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
  if ('data' in wish) return engine.trigger(backupStart, wish.data, { safe: wish.safe ?? false })
  return (await engine.release(wish.release)).runId
}

function commandOf(wish: Wish): string {
  return 'data' in wish ? ['run', ...(wish.data.sources ?? [])].join(' ') : `release ${wish.release}`
}
