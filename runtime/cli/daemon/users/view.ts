import type { Engine } from '../../../backup/engine.ts'
import { knownPoints, liveSources } from '../../../backup/restore/known-points.ts'
import type { Config } from '../../../config/config.ts'
import { TerminalError, UsageError } from '../../../errors.ts'
import { createRunner, unobserved } from '../../../host/command/command.ts'
import { membersNamed, packMirror } from '../../../host/points/pack.ts'
import { type ReadableEntries, readableBy } from '../../../host/points/readable-by.ts'
import { readerOf } from '../../../host/points/reader.ts'
import { rebuildCommand } from '../../points/stale-text.ts'
import { inTurns } from './in-turns.ts'
import { namesUnder } from './names.ts'
import { isReached } from './reached.ts'

/** A restore point, as a user who is not root sees it. */
export interface UserView extends ReadableEntries {
  /**
   * A tar stream of what is at and below some paths, or of what is there `alone`, as an archive has it.
   * @throws {UsageError} That is more than a user gets at once.
   */
  tar(paths: readonly Buffer[], alone: boolean): Promise<AsyncIterable<Buffer>>
}

/** The restore points of the sources that a user can get at on the live system, and where those are. */
export async function knownFor(uid: number, config: Config, bus: Engine['bus']) {
  const { points, absent } = await knownPoints(config, (from) => from({ bus }))
  const sources = liveSources(points, config).filter((source) => isReached(source, uid))
  const names = new Set(sources.map(({ name }) => name))
  return {
    points: points.filter(({ source }) => names.has(source)),
    sources,
    absent: Object.fromEntries(absent),
  }
}

/**
 * @throws {UsageError} There is no such restore point that the user may see.
 * @throws {TerminalError} Its disk is not mounted, or no catalogue knows it: to read all of it for each question takes too long.
 */
export async function viewOf(
  id: string,
  { uid, config, bus, signal }: { uid: number; config: Config; bus: Engine['bus']; signal: AbortSignal },
): Promise<UserView> {
  const { points, absent } = await knownFor(uid, config, bus)
  const point = points.find((one) => one.id === id)
  if (!point) throw new UsageError(`there is no restore point ${id}`)
  const reason = absent[point.target]
  if (reason !== undefined) throw new TerminalError(`the disk of ${id} cannot be read now: ${reason}`)
  const runner = createRunner({ observer: unobserved, signal, owner: 'read' })
  const reader = inTurns(readerOf(point, runner), signal)
  if (!(await reader.isIndexed()))
    throw new TerminalError(`no catalogue knows ${id}: as root, ${rebuildCommand(point.source)}`)
  const readable = readableBy(uid, reader)
  return {
    ...readable,
    async tar(paths, alone) {
      const names = await namesUnder(paths, alone ? 0 : undefined, readable)
      if (point.kind === 'mirror') return packMirror(point.path, point.source, names, runner)
      if (!reader.tar) throw new TerminalError(`${id} cannot be unpacked in part`)
      const members = [...names].map((name) => (name === '' ? point.source : `${point.source}/${name}`))
      return membersNamed(reader.tar(paths), new Set(members), signal)
    },
  }
}
