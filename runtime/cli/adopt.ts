import { existsSync, mkdirSync, statSync } from 'node:fs'
import { holdLock } from '../bus/sqlite/database.ts'
import type { Config, Target } from '../config/config.ts'
import { TerminalError } from '../errors.ts'
import { unobserved } from '../host/command.ts'
import { createHost, runtimeDirectory } from '../host/host.ts'
import { type Marker, readMarker, writeMarker } from '../host/marker.ts'
import { mountOf, readMounts } from '../host/mountinfo.ts'
import { realPath } from '../host/real-path.ts'

export interface Adoption {
  marker: Marker
  /** Whether it was no target of this name before. */
  isNew: boolean
  /** Whether no disk of its own is mounted there. */
  onRoot: boolean
}

export interface AdoptionOptions {
  /** Even if it was adopted under another name. */
  again?: boolean | undefined
  /** Makes the folder that the target's disk is mounted at. */
  makeFolder?: boolean
  /** Looks at a folder that is no target yet. @throws It must not become one. */
  inspect?: (path: string) => void
}

/**
 * Marks a target as the right one. Its disks are mounted for it, if they are not, and unmounted again.
 * @returns undefined when another hdsync is at work: then nothing was changed.
 * @throws {TerminalError} The disk or the folder is not there, or was adopted as another target.
 */
export async function adoptTarget(
  config: Pick<Config, 'state'>,
  target: Target,
  { again, makeFolder, inspect }: AdoptionOptions = {},
): Promise<Adoption | undefined> {
  const { name, path } = target
  const unlock = holdLock(config.state)
  if (!unlock) return undefined
  const { targets } = createHost({
    observer: unobserved,
    signal: AbortSignal.timeout(300_000),
    store: 'adopt',
    runtimeDirectory: runtimeDirectory(config.state, 'adopt'),
    stateDirectory: config.state,
  })
  const asRun = `adopt-${process.pid}`
  try {
    if (makeFolder) mkdirSync(path, { recursive: true, mode: 0o755 })
    await targets.mount(target, asRun)
    if (!existsSync(path) || !statSync(path).isDirectory()) {
      throw new TerminalError(`target ${name}: there is no folder ${path}`, { hint: `mkdir -p ${path}` })
    }
    const found = readMarker(path)
    if (found && found.target !== name && !again) {
      throw new TerminalError(`${path} was adopted as target ${found.target}, not ${name}`, {
        hint: `if it is meant to be ${name} now: hdsync target adopt ${name} --again`,
      })
    }
    const onRoot = mountOf(readMounts(), realPath(path))?.at === '/'
    if (found?.target === name) return { marker: found, isNew: false, onRoot }
    inspect?.(path)
    return { marker: await writeMarker(path, name, Date.now()), isNew: true, onRoot }
  } finally {
    await targets.close(asRun)
    unlock()
  }
}
