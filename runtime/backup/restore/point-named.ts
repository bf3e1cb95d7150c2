import type { Config, Target } from '../../config/config.ts'
import { reasonOf, TerminalError } from '../../errors.ts'
import { configuredPoints } from '../../host/points/configured-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'

/**
 * A restore point by its id, on a disk that is mounted, or that is mounted for it.
 * @param mount Mounts the disks of a target to read them, and proves that they are the right ones.
 * @throws {TerminalError} It is not there, or a disk is not the right one.
 */
export async function pointToRead(
  id: string,
  source: string,
  config: Config,
  mount: (target: Target) => Promise<void>,
): Promise<RestorePoint> {
  const failed: string[] = []
  for (const target of targetsWith(source, config)) {
    await mount(target).catch((error) => failed.push(reasonOf(error)))
  }
  const find = () => pointsOf(source, config).find((one) => one.id === id)
  if (!find()) {
    for (const target of copyTargetsWith(source, config)) {
      await mount(target).catch((error) => failed.push(reasonOf(error)))
    }
  }
  const point = find()
  const target = point && config.targets[point.target]
  if (!point || !target) {
    const because = failed.length > 0 ? `: ${failed.join('; ')}` : ''
    throw new TerminalError(`the restore point ${id} is not there any more${because}`)
  }
  await mount(target)
  return point
}

/** The targets that may have backups of a source; of one that is not in the config any more, all. */
export function targetsWith(source: string, { sources, targets, archive }: Config): Target[] {
  const names = [sources[source]?.target, archive?.target]
  return sources[source]
    ? Object.values(targets).filter(({ name }) => names.includes(name))
    : Object.values(targets)
}

/** The targets that may have copies of a source's archives. */
export function copyTargetsWith(source: string, { targets, copies }: Config): Target[] {
  return Object.values(copies ?? {}).flatMap(({ target, sources }) => {
    const found = target === undefined ? undefined : targets[target]
    return found && (sources?.includes(source) ?? true) ? [found] : []
  })
}

/** The restore points of a source whose disks are mounted now. */
export function pointsOf(source: string, config: Config): RestorePoint[] {
  return configuredPoints(config).points.filter((point) => point.source === source)
}
