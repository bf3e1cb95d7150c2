import { disabledFile, loadRegistry, ownFunctions } from '../../backup/load-functions.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { functionFiles, functionName } from '../../core/guests/load-files.ts'
import { setDisabled, watchDisabled } from '../../core/registry/disabled.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/**
 * `hdsync functions disable` and `enable`: nothing is delivered to a function of the user's from now on, or it is again. A
 * hdsync that is running heeds it before the next delivery. No function is loaded for that: one that hangs can be disabled.
 * @throws {UsageError} There is no such function of the user's.
 */
export async function switchFunctionCommand(
  name: string,
  disabled: boolean,
  options: { config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const file = disabledFile(config.state)
  const before = watchDisabled(file).names()
  // A file that is gone has left its name behind.
  if (disabled || !before.includes(name)) await refuseUnknown(name, config)
  let changed: boolean
  try {
    changed = setDisabled(file, name, disabled)
  } catch (error) {
    throw new HdsyncError(`cannot write to ${config.state}: ${(error as Error).message}`, { cause: error })
  }
  if (options.json) io.stdout(`${JSON.stringify({ name, disabled, changed })}\n`)
  else io.stdout(`${text(name, disabled, changed)}\n`)
  return exitCodes.succeeded
}

function text(name: string, disabled: boolean, changed: boolean): string {
  const already = changed ? '' : ' already'
  if (!disabled) return `${name} is enabled${already}`
  return `${name} is disabled${already}: nothing is delivered to it until\n  hdsync functions enable ${name}`
}

async function refuseUnknown(name: string, { functions: folder, notify }: Config): Promise<void> {
  const own = functionFiles(folder).map(functionName)
  if (own.includes(name)) return
  const { functions: ours } = await loadRegistry({ ours: ownFunctions, users: '' }, new Map())
  const isOurs = ours.some((one) => one.name === name)
  if (isOurs && !name.startsWith('notify.')) {
    throw new UsageError(`${name} is a step of hdsync's own: without it no backup would be complete`, {
      hint: 'functions of your own can be disabled; `hdsync functions` lists them',
    })
  }
  if (isOurs || notify.some((hook) => hook.name === name)) {
    throw new UsageError(`${name} sends notifications, which are the config's business`, {
      hint: `change \`notify\` in the config`,
    })
  }
  throw new UsageError(`there is no function ${JSON.stringify(name)} of your own`, {
    hint: didYouMean(name, own) ?? '`hdsync functions` lists them',
  })
}
