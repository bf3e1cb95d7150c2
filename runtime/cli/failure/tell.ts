import { type HooksTold, tellUnitFailed } from '../../backup/engine/last-words.ts'
import type { Config } from '../../config/config.ts'
import { configFile } from '../../config/config-file.ts'
import { lastGoodConfig } from '../../config/last-config.ts'
import { locateStore } from '../../config/locate.ts'
import { ConfigError, formatPlace } from '../../config/problem.ts'
import { reasonOf } from '../../errors.ts'
import type { Io } from '../io.ts'
import { noteTold } from './told.ts'

/** What is told of a failure, beside its reason. */
export interface FailureFacts {
  unit: string
  result?: string
  exitStatus?: string
}

/** Tells hooks of what kept a backup from beginning: nobody else will. Never throws. */
export async function tellFailure(
  error: unknown,
  config: Pick<Config, 'state' | 'notify' | 'sources'>,
  io: Io,
  facts: FailureFacts = { unit: 'hdsync run' },
): Promise<HooksTold> {
  const reason = publicReason(error)
  const { INVOCATION_ID: invocation } = io.env
  noteTold(config.state, { at: Date.now(), reason, ...(invocation && { invocation }) })
  const told = await tellUnitFailed({ ...facts, reason }, config)
  const count = (hooks: number) => `${hooks} ${hooks === 1 ? 'hook' : 'hooks'}`
  if (told.good > 0) io.stderr(`hdsync: ${count(told.good)} told of it (unit.failed)\n`)
  if (told.bad > 0) io.stderr(`hdsync: ${count(told.bad)} could not be told of it\n`)
  return told
}

/**
 * The last good config in place of one that cannot be used, for the sake of its hooks.
 * @returns undefined where there is none.
 */
export async function formerConfig(path: string | undefined, io: Io): Promise<Config | undefined> {
  try {
    const { config } = await locateStore({ path, env: io.env })
    return lastGoodConfig(config.state, configFile({ path, env: io.env }))
  } catch {
    return undefined
  }
}

/** Why, for receivers outside: what stands in the config may be a secret, such as the address of a hook. */
export function publicReason(error: unknown): string {
  if (!(error instanceof ConfigError)) return reasonOf(error)
  return error.problems
    .map((problem) => `${formatPlace(problem)}: expected ${problem.expected}`)
    .slice(0, 3)
    .join('\n')
}
