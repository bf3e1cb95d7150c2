import { existsSync } from 'node:fs'
import type { Target } from '../../config/config.ts'
import { reasonOf } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { readMarker } from './marker.ts'
import { devicePath } from './targets.ts'

/**
 * Why the disk of a target is not there, where it is one that comes and goes; undefined where it is. Of a target without
 * `mounts` its marker tells: somebody else mounts it.
 */
export async function whyUnplugged(target: Target, runner: CommandRunner): Promise<string | undefined> {
  for (const { device } of target.mounts) {
    try {
      const path = await devicePath(runner, device)
      if (!existsSync(path)) return `there is no disk ${device}`
    } catch (error) {
      return reasonOf(error)
    }
  }
  if (target.mounts.length > 0 || readMarker(target.path)) return undefined
  return `nothing is mounted at ${target.path}: there is no .hdsync-target`
}
