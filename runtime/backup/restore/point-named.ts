import type { Config, Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import { configuredPoints } from '../../host/points/configured-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'

/** A restore point by its id, on a disk that is mounted. @throws {TerminalError} It is not there. */
export function pointNamed(
  id: string,
  source: string,
  config: Config,
): { point: RestorePoint; target: Target } {
  const { points } = configuredPoints(config)
  const point = points.find((one) => one.id === id && one.source === source)
  const target = point && config.targets[point.target]
  if (!point || !target) throw new TerminalError(`the restore point ${id} is not there any more`)
  return { point, target }
}

/** The restore points of a source whose disks are mounted now. */
export function pointsOf(source: string, config: Config): RestorePoint[] {
  return configuredPoints(config).points.filter((point) => point.source === source)
}
