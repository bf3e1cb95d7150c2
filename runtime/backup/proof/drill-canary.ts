import {
  type Canary,
  type Envelope,
  readStored,
  sourceArchived,
  sourceSynced,
} from '../../../events/index.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { takeCanary } from '../../host/proof/take-canary.ts'
import type { Context } from '../function.ts'

/** What tells of canaries, and of the archives that they are in. */
export const tellsOfCanaries = [sourceSynced, sourceArchived]

/**
 * Takes a canary while the source is there as it was copied; only where drills are made. @returns undefined without one.
 * @param from The source. @param to Its mirror.
 */
export async function canaryOf(
  from: string,
  to: string,
  { config, host }: Pick<Context, 'config' | 'host'>,
): Promise<Canary | undefined> {
  return config.drill ? takeCanary(from, to, host.commands) : undefined
}

/**
 * The canary that a restore point has to hold: of a mirror that of the last copy, of an archive that of its own night.
 * @param history The events of `tellsOfCanaries` about the source, the newest first.
 * @param mirror Which mirror is there, where disks take turns.
 */
export function canaryIn(
  { kind, path }: Pick<RestorePoint, 'kind' | 'path'>,
  history: readonly Envelope[],
  mirror: string | undefined,
): Canary | undefined {
  const synced = history.filter(({ type }) => type === sourceSynced.type)
  const read = (event: Envelope | undefined) => event && readStored(sourceSynced, event.data).data
  if (kind === 'mirror') {
    const [last] = synced.flatMap((event) => read(event) ?? [])
    return last && (last.mirror === undefined || last.mirror === mirror) ? last.canary : undefined
  }
  const archived = history.find(
    ({ type, data }) => type === sourceArchived.type && readStored(sourceArchived, data).data?.path === path,
  )
  return read(synced.find(({ runid }) => archived !== undefined && runid === archived.runid))?.canary
}
