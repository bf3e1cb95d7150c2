import { accessSync, constants } from 'node:fs'
import type { PathSource } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { isEmptyDirectory } from '../../host/directory.ts'
import { mirrorPath } from '../../host/mirrors.ts'
import { isInstalled } from '../../host/packages.ts'
import { realPath } from '../../host/real-path.ts'
import { swapFinding, swapRemedy, viewNeed } from '../../host/views.ts'
import type { Box } from './box.ts'
import { error, type Finding, ok, refused, warning } from './finding.ts'

/** Whether a directory can be read, and has something in it. */
export function checkDirectory(source: PathSource, box: Box): Finding[] {
  const about = `source ${source.name}`
  try {
    if (isEmptyDirectory(source.path)) return [empty(source, box)]
    accessSync(source.path, constants.R_OK | constants.X_OK)
  } catch (thrown) {
    const reason =
      thrown instanceof TerminalError
        ? thrown
        : new TerminalError(`${source.path} cannot be searched by this user`)
    const remedy = 'correct `path` in the config; or should something be mounted there?'
    return [refused('path.unreadable', about, reason, remedy)]
  }
  // What is no file system of a disk has nothing to bring back.
  const apart = box.mounts.filter(
    ({ device, source }) => !device.startsWith('0:') || source.startsWith('/dev/'),
  )
  const top = realPath(source.path)
  const inside = top === '/' ? '/' : `${top}/`
  const below = [...new Set(apart.map(({ at }) => at).filter((at) => at.startsWith(inside) && at !== '/'))]
  const shown = below.slice(0, 3).join(', ') + (below.length > 3 ? `, and ${below.length - 3} more` : '')
  return [
    ok(
      'path.ok',
      about,
      below.length > 0 ? `${source.path}, without what is mounted below it: ${shown}` : source.path,
    ),
  ]
}

/** Whether somebody who may write in a directory could lead rsync out of it. */
export async function checkSwaps(source: PathSource, { runner }: Box): Promise<Finding[]> {
  if (!isInstalled('rsync')) return []
  const problem = (await viewNeed(source, runner))?.problem
  if (problem === undefined) return []
  return [
    error(
      'path.swappable',
      `source ${source.name}`,
      `${swapFinding(problem)}; each of its nights is degraded`,
      swapRemedy,
    ),
  ]
}

/** An empty source is copied to an empty mirror alone: anything else would delete the backup. */
function empty(source: PathSource, { config }: Box): Finding {
  const about = `source ${source.name}`
  const target = config.targets[source.target]
  const remedy = 'should something be mounted there?'
  if (target && !isEmptyOrMissing(mirrorPath(target, source))) {
    const finding = `${source.path} is empty but its mirror is not: it will not be synced`
    return error('path.empty', about, finding, remedy)
  }
  return warning('path.empty', about, `${source.path} is empty`, remedy)
}

function isEmptyOrMissing(path: string): boolean {
  try {
    return isEmptyDirectory(path)
  } catch {
    return true
  }
}
