import { disabledIn } from '../../backup/load-functions.ts'
import { lastOutcome } from '../../backup/story/failure.ts'
import { type Told, toldOf } from '../../backup/story/told.ts'
import { isDegraded } from '../../backup/story/warnings.ts'
import type { Source } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { readJournal } from '../store.ts'
import { disabledText } from '../story/disabled-text.ts'
import { whyText } from '../story/why-text.ts'

/**
 * `hdsync why`: the story of a source's last failure, or of what makes its last backup degraded, in plain words. Looks only: it works beside a run that is going
 * on, and makes no store.
 * @throws {UsageError} The config has no such source, or the store cannot be read.
 */
export async function whyCommand(
  name: string,
  options: { config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  checkSources([name], config)
  const source = config.sources[name] as Source
  const outcome = readJournal(config, (journal) => lastOutcome(journal, name))
  const told = toldOf(source, outcome ?? { failure: undefined, good: undefined }, config)
  const disabledFunctions = disabledIn(config.state)
  const disabled = disabledFunctions.length > 0 && { disabledFunctions }
  if (options.json) io.stdout(`${JSON.stringify({ ...jsonOf(told), ...disabled })}\n`)
  else io.stdout(`${whyText(told, io)}${disabledText(disabledFunctions)}`)
  return exitCodes.succeeded
}

/** As `why --json` prints it: times in ISO 8601, and nothing left out. */
function jsonOf({ source, failure, good, goodSince, trials, remedy }: Told) {
  const moment = <T extends { at: number }>(one: T | undefined) =>
    one ? { ...one, at: new Date(one.at).toISOString() } : null
  return {
    source,
    state: goodSince || !failure ? goodState(good) : failure.state,
    failure: failure
      ? { ...moment(failure), trials, command: failure.command ?? null, archive: moment(failure.archive) }
      : null,
    lastGood: good ? { run: good.run, at: new Date(good.at).toISOString() } : null,
    warnings: good?.warnings ?? [],
    remedy,
  }
}

function goodState(good: Told['good']): 'waiting' | 'succeeded' | 'degraded' {
  if (!good) return 'waiting'
  return isDegraded(good.warnings) ? 'degraded' : 'succeeded'
}
