import { existsSync, statSync } from 'node:fs'
import { holdLock } from '../bus/sqlite/database.ts'
import { loadConfig } from '../config/load.ts'
import { didYouMean } from '../config/nearest.ts'
import { TerminalError, UsageError } from '../errors.ts'
import { createHost, runtimeDirectory } from '../host/host.ts'
import { readMarker, writeMarker } from '../host/marker.ts'
import { mountOf, readMounts } from '../host/mountinfo.ts'
import { exitCodes } from './exit-codes.ts'
import type { Io } from './io.ts'

export interface AdoptOptions {
  config?: string
  again?: boolean
  json?: boolean
}

/**
 * `hdsync target adopt`: says that this disk or folder is the target, by writing the marker file that every
 * run asks for. The target's disks are mounted for it, if they are not, and unmounted again.
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
  const unlock = holdLock(config.state)
  if (!unlock) {
    io.stderr(`hdsync: another hdsync is at work on ${config.state}: nothing was changed\n`)
    return exitCodes.busy
  }
  const { targets } = createHost({
    observer: { started: () => 0, ended: () => {} },
    signal: AbortSignal.timeout(300_000),
    store: 'adopt',
    runtimeDirectory: runtimeDirectory(config.state, 'adopt'),
  })
  const asRun = `adopt-${process.pid}`
  try {
    await targets.mount(target, asRun)
    if (!existsSync(target.path) || !statSync(target.path).isDirectory()) {
      throw new TerminalError(`target ${name}: there is no folder ${target.path}`, {
        hint: `mkdir -p ${target.path}`,
      })
    }
    const marker = readMarker(target.path)
    if (marker && marker.target !== name && !options.again) {
      throw new TerminalError(`${target.path} was adopted as target ${marker.target}, not ${name}`, {
        hint: `if it is meant to be ${name} now: hdsync target adopt ${name} --again`,
      })
    }
    const isNew = marker?.target !== name
    const content = isNew ? await writeMarker(target.path, name, Date.now()) : marker
    if (options.json)
      io.stdout(`${JSON.stringify({ target: name, path: target.path, adopted: isNew, id: content.id })}\n`)
    else
      io.stdout(
        isNew ? `${target.path} is target ${name} now\n` : `${target.path} is target ${name} already\n`,
      )
    if (mountOf(readMounts(), target.path)?.at === '/') {
      io.stderr(
        `hdsync: ${target.path} lies on the root file system: if a disk should be mounted there, adopt it again when it is\n`,
      )
    }
    return exitCodes.succeeded
  } finally {
    await targets.close(asRun)
    unlock()
  }
}
