import type { Config } from '../../config/config.ts'
import type { Clock } from '../../core/clock.ts'
import { reasonOf } from '../../errors.ts'
import { CommandError, type CommandRunner, createRunner, unobserved } from '../../host/command/command.ts'
import { ownFile } from '../guests/provided-modules.ts'
import { type Checked, configWrittenAt, lastChecked, printedCheck } from './checked.ts'

/** What `hdsync check` finds, for whoever must not wait for it. */
export interface Checks {
  /** What the last one found, whoever asked for it. */
  last(): Checked | undefined
  /**
   * Has a check made in the background, unless the last one is recent enough.
   * @param since In ms since 1970: what was found before, such as before the last run ended, may be over.
   * @returns Whether one is being made.
   */
  again(since: number): boolean
  /** Why the last one could not be made. */
  readonly problem: string | undefined
}

const hourMs = 3_600_000
/** Somewhat longer than a check allows itself. */
const timeoutMs = 330_000

/**
 * Checks in a process of its own, on the mounts of the machine: just what an administrator types. It notes
 * what it finds by itself (see `noteChecked`); where it cannot, as on a full disk, what it printed is remembered.
 * @param signal Ends a check that is being made.
 */
export function createChecks(
  config: Pick<Config, 'file' | 'state'>,
  {
    clock,
    signal,
    runner = createRunner({ observer: unobserved, signal, owner: 'check' }),
  }: { clock: Clock; signal: AbortSignal; runner?: Pick<CommandRunner, 'run'> },
): Checks {
  let isChecking = false
  let askedAt = 0
  let problem: string | undefined
  let printed: Checked | undefined

  async function check(): Promise<void> {
    isChecking = true
    askedAt = clock.now()
    try {
      const argv = commandOf(config.file)
      const { stdout } = await runner.run({ argv, timeoutMs, accept: [0, 1, 3], ofMachine: true })
      problem = undefined
      printed = printedCheck(config, stdout, askedAt)
    } catch (error) {
      if (!signal.aborted) problem = problemOf(error)
    } finally {
      isChecking = false
    }
  }

  const last = () => {
    const noted = lastChecked(config)
    return printed && (!noted || noted.at < printed.at) ? printed : noted
  }

  return {
    last,
    again(since) {
      const lastAt = Math.max(askedAt, Date.parse(last()?.at ?? '') || 0)
      const now = clock.now()
      const isRecent =
        lastAt >= Math.max(since, configWrittenAt(config)) && lastAt > now - hourMs && lastAt <= now
      if (!isRecent && !isChecking && !signal.aborted) void check()
      return isChecking
    },
    get problem() {
      return problem
    },
  }
}

/** For whoever has no daemon to look after it: what was found last, and nothing is made. */
export function onlyLast(config: Pick<Config, 'file' | 'state'>): Checks {
  return { last: () => lastChecked(config), again: () => false, problem: undefined }
}

function commandOf(file: string): [string, ...string[]] {
  return [process.execPath, ownFile('cli/main'), 'check', '--json', '--config', file]
}

/** What it said itself, as of a config that cannot be read, before what became of the process. */
function problemOf(error: unknown): string {
  const said = error instanceof CommandError ? error.stderr.trim() : ''
  return said || reasonOf(error)
}
