import { readdirSync } from 'node:fs'
import type { Config, Source } from '../../config/config.ts'
import { isWithin } from '../../config/left-out.ts'
import { TerminalError, UsageError } from '../../errors.ts'
import { realPath } from '../../host/mount/real-path.ts'
import { liveRoots } from '../../host/points/live-sources.ts'
import { undoFolderName } from '../../host/restore/undo-folder.ts'

/**
 * Where a source is on the live system: what is restored in place goes there.
 * @throws {UsageError} It is not mounted, or not in the config any more.
 */
export function liveRootOf(name: string, config: Pick<Config, 'sources'> | undefined): string {
  const source = config?.sources[name]
  if (!source)
    throw new UsageError(`${name} is not in the config: it has no place`, { hint: 'name one: --to FOLDER' })
  const root = liveRoots(source).find(({ below }) => below === '')
  if (root) return root.at
  throw new UsageError(
    `${place(source)} is not mounted: nothing is restored into what would be an empty mount point`,
    {
      hint: 'mount it, or restore elsewhere: --to FOLDER',
    },
  )
}

function place(source: Source): string {
  return source.kind === 'lv' ? `${source.vg}/${source.lv}` : source.path
}

/**
 * Proves that a restore may write there: never into backups, and never over what hdsync itself works with.
 * @throws {TerminalError} It may not.
 */
export function proveDestination(root: string, config: Pick<Config, 'targets' | 'state'> | undefined): void {
  if (!config) return
  const real = realPath(root)
  for (const { name, path, mounts } of Object.values(config.targets)) {
    for (const at of [path, ...mounts.map((mount) => mount.at)].map(realPath)) {
      if (isWithin(real, at))
        throw new TerminalError(`${root} is in target ${name}: nothing is restored into backups`)
    }
  }
  if (isWithin(real, realPath(config.state))) {
    throw new TerminalError(`${root} is in the state directory of hdsync: nothing is restored into it`)
  }
}

/** Patterns of what a restore leaves alone in a folder: what earlier ones keep, the event store, and targets. */
export function leftAlone(root: string, config: Pick<Config, 'targets' | 'state'> | undefined): string[] {
  const real = realPath(root)
  const places = config
    ? [config.state, ...Object.values(config.targets).map(({ path }) => path)].map(realPath)
    : []
  const inside = places.filter((at) => isWithin(at, real) && at !== real)
  const patterns = inside.map((at) => `/${at.slice(real === '/' ? 1 : real.length + 1)}`)
  return [`/${undoFolderName}`, '/lost+found', ...patterns.map(literal)]
}

/** Wildcards in a path stand for themselves. */
function literal(path: string): string {
  return /[*?[]/.test(path) ? path.replace(/[\\*?[]/g, '\\$&') : path
}

/** Whether a folder has nothing in it, or is not there. */
export function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw new UsageError(`cannot look into ${folder}: ${(error as Error).message}`)
  }
}
