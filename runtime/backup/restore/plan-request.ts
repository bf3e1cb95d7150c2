import type { StoredRestoreRequest } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import { count } from '../../count.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import { attributesDiffer } from '../../host/points/attributes-differ.ts'
import type { PointReader } from '../../host/points/entry.ts'
import { mirrorReader } from '../../host/points/mirror-reader.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { ownerWords } from '../../host/restore/owner-map.ts'
import { freeBytes } from '../../host/restore/room.ts'
import { deletionLimit } from '../mirror/deletion-limit.ts'
import { leftAlone, proveDestination } from './destination.ts'
import { identityOf } from './identity.ts'
import { makePlan, type RestorePlan } from './make-plan.ts'
import { ownersByName } from './owners-by-name.ts'

/** What is asked for, before there is a plan. */
export type Wanted = Omit<Extract<StoredRestoreRequest, { do: 'restore' }>, 'do' | 'hash' | 'point'>

/**
 * Plans a restore: the same for whoever shows the plan and for whoever does it.
 * @param config Undefined where backups are read from a folder alone.
 * @param given Reads the restore point, whose files this user may not see; a reader is made of it unless given.
 * @throws {TerminalError} It may not be done.
 * @throws {UsageError} Nothing was there.
 */
export async function planRequest(
  wanted: Wanted,
  point: RestorePoint,
  config: Config | undefined,
  runner: CommandRunner,
  given?: PointReader,
): Promise<RestorePlan> {
  const { root, isNew, deletes, exclude, owners, paths } = wanted
  proveDestination(root, config)
  const names = owners === 'names' ? await ownersByName(point, runner) : undefined
  const request = {
    point,
    identity: given ? point.at : await identityOf(point),
    paths: paths.map((path) => Buffer.from(path, 'base64')),
    root,
    isNew,
    deletes,
    exclude,
    notBackedUp: config?.sources[point.source]?.exclude ?? [],
    leaveAlone: leftAlone(root, config),
    owners,
    ...(names && { names }),
  }
  const reader = given ?? readerOf(point, runner)
  if (isNew) return withoutHoles(await makePlan(request, reader, undefined), reader)
  const compares = point.kind === 'mirror' && owners !== 'me'
  const words = names && ownerWords(names.map)
  const differing = compares
    ? await attributesDiffer(point.path, root, request.paths, runner, words)
    : undefined
  return withoutHoles(await makePlan(request, reader, mirrorReader(root, runner), differing), reader)
}

/** What does not fit by its size alone may still fit, as holes take no room: then it is looked closer. */
async function withoutHoles(plan: RestorePlan, reader: PointReader): Promise<RestorePlan> {
  const { room, request, unpack } = plan
  if (room.sizeBytes <= freeBytes(request.root)) return plan
  const stored = await reader.storedBytes?.(unpack)
  return stored === undefined
    ? plan
    : { ...plan, room: { ...room, sizeBytes: Math.min(room.sizeBytes, stored) } }
}

/**
 * Holds a restore to the limit of its source, as a sync is.
 * @returns Why it is not permitted; undefined if it is.
 */
export function beyondLimit(
  { deleted, there, request }: RestorePlan,
  config: Config | undefined,
  allowDeletions: number | undefined,
): string | undefined {
  const source = config?.sources[request.point.source]
  const limit = source ? deletionLimit(source.maxDelete, there) : Number.POSITIVE_INFINITY
  if (deleted.entries <= Math.max(limit, allowDeletions ?? 0)) return undefined
  return `the restore would delete ${count(deleted.entries)} of ${count(there)} entries; ${request.point.source} allows ${count(limit)}`
}

/** @throws {TerminalError} The plan is not the one that was shown. */
export function proveSame(plan: RestorePlan, hash: string): void {
  if (plan.hash === hash) return
  throw new TerminalError(
    'something has changed since the plan of this restore was shown: nothing was done',
    {
      hint: 'plan it again',
    },
  )
}
