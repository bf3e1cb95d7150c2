import { loadConfig } from '../config/load.ts'
import { didYouMean } from '../config/nearest.ts'
import { UsageError } from '../errors.ts'
import { adoptTarget } from './adopt.ts'
import { exitCodes } from './exit-codes.ts'
import type { Io } from './io.ts'

export interface AdoptOptions {
  config?: string
  again?: boolean
  json?: boolean
}

/**
 * `hdsync target adopt`: says that this disk or folder is the target, by writing the marker file that every
 * run asks for.
 */
export async function adoptCommand(name: string, options: AdoptOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const target = config.targets[name]
  if (!target) {
    const known = Object.keys(config.targets)
    throw new UsageError(`there is no target ${JSON.stringify(name)} in ${config.file}`, {
      hint: didYouMean(name, known) ?? `it has ${known.join(', ')}`,
    })
  }
  const adoption = await adoptTarget(config, target, { again: options.again })
  if (!adoption) {
    io.stderr(`hdsync: another hdsync is at work on ${config.state}: nothing was changed\n`)
    return exitCodes.busy
  }
  const { marker, isNew, onRoot } = adoption
  const { path } = target
  if (options.json) io.stdout(`${JSON.stringify({ target: name, path, adopted: isNew, id: marker.id })}\n`)
  else io.stdout(`${path} is target ${name} ${isNew ? 'now' : 'already'}\n`)
  if (onRoot) {
    io.stderr(
      `hdsync: ${path} lies on the root file system: if a disk should be mounted there, adopt it again when it is\n`,
    )
  }
  return exitCodes.succeeded
}
