import { accessSync, constants, existsSync } from 'node:fs'
import type { PathSource, Source } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { isInstalled } from '../../host/command/packages.ts'
import { findGaps, gapsInWords, gapsRemedy, some } from '../../host/mirror/coverage.ts'
import { isEmptyDirectory } from '../../host/mirror/directory.ts'
import { mirrorPath } from '../../host/mirror/mirror-identity.ts'
import { networkTypes } from '../../host/mount/filesystem.ts'
import { realPath } from '../../host/mount/real-path.ts'
import { swapFinding, swapRemedy, viewNeed } from '../../host/mount/views.ts'
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
  // What is no file system, of a disk or of another machine, has nothing to bring back.
  const apart = box.mounts.filter(
    ({ device, source, type }) =>
      !device.startsWith('0:') || source.startsWith('/dev/') || networkTypes.test(type),
  )
  const top = realPath(source.path)
  const inside = top === '/' ? '/' : `${top}/`
  const below = [...new Set(apart.map(({ at }) => at).filter((at) => at.startsWith(inside) && at !== '/'))]
  const place =
    below.length > 0 ? `${source.path}, without what is mounted below it: ${some(below, 3)}` : source.path
  return [ok('path.ok', about, place)]
}

/** Whether something lies in a directory that its copy leaves out. */
export async function checkGaps(source: PathSource, { config, runner, mounts }: Box): Promise<Finding[]> {
  if (!existsSync(source.path)) return []
  const about = `source ${source.name}`
  const target = config.targets[source.target]
  const gaps = await findGaps(runner, source, config, {
    mirror: target && mirrorPath(target, source),
    mounts,
  })
  const { uncovered, shadowed } = gaps
  const remedy = (of: Partial<typeof gaps>) => gapsRemedy(source, { uncovered: [], shadowed: [], ...of })
  return [
    ...gapsInWords({ uncovered, shadowed: [] }).map((finding) =>
      warning('path.uncovered', about, finding, remedy({ uncovered })),
    ),
    ...gapsInWords({ uncovered: [], shadowed }).map((finding) =>
      warning('path.shadowed', about, finding, remedy({ shadowed })),
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

/** Patterns that leave out everything, by themselves. */
const everything = new Set(['*', '**', '/*', '/**', '***', '/***', '/', '*/**'])

/** Whether a source says that nothing of it is copied. */
export function checkExclude({ name, exclude }: Source): Finding[] {
  const pattern = exclude.find((one) => everything.has(one))
  if (pattern === undefined) return []
  const finding = `\`exclude\` has ${JSON.stringify(pattern)}, which leaves out everything: the backup is empty`
  return [warning('path.excluded', `source ${name}`, finding, 'take the pattern out of `exclude`')]
}
