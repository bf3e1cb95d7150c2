import {
  type DataOf,
  type DrillResult,
  type drillRestore,
  type drillRestored,
  drillRestored as restoredEvent,
} from '../../../events/index.ts'
import { TerminalError } from '../../errors.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { configured } from '../configured.ts'
import type { Context } from '../function.ts'
import { pointsOf } from '../restore/point-named.ts'
import { canaryIn, tellsOfCanaries } from './drill-canary.ts'
import { drillEnds, drilled, drillsLookedAt, pointToDrill } from './drill-history.ts'
import { compareRestored } from './drill-proof.ts'
import { restoreForDrill } from './drill-restore.ts'

/** An event has to stay small. */
const mostNamed = 20

/** The result of a source before anything of it is known. */
export function nothingDrilled(source: string, whole: boolean, error: string): DrillResult {
  return {
    ...{ source, state: 'failed', point: null, path: null, whole, files: 0, sizeBytes: 0, recorded: 0 },
    ...{ canary: false, tookMs: null, functions: [], error, differences: [] },
  }
}

/**
 * Restores a source, or a sample of it, into the scratch folder, and compares it with what was recorded.
 * @returns How it went, and what functions are told of it; nothing is told of what is not as it was.
 * @throws {TerminalError} There is no restore point, or no room.
 */
export async function drillSource(
  { source: name, whole }: Pick<DataOf<typeof drillRestore>, 'source' | 'whole'>,
  context: Context,
): Promise<{ result: DrillResult; told?: DataOf<typeof drillRestored> }> {
  const { config, host, run, events, clock, signal, gates } = context
  const { drill } = config
  if (!drill) throw new TerminalError('there is no `drill:` in the config any more')
  const { source, target } = configured(config, name)
  const to = config.archive && config.targets[config.archive.target]
  for (const one of new Set([target, ...(to && source.archive ? [to] : [])]))
    await host.targets.open(one, run.id)
  const points = pointsOf(name, config).filter(({ kind }) => kind !== 'copy')
  const history = drilled(events.recent(drillEnds, undefined, drillsLookedAt))
  const point = pointToDrill(points, history)
  if (!point) throw new TerminalError(`there is no restore point of ${name}`)
  const mirror = points.find(({ kind }) => kind === 'mirror')?.path
  const told = events.recent(tellsOfCanaries, name, drillsLookedAt)
  const canary = canaryIn(point, told, host.mirrors.identify(target, source).id)
  const runner = host.commands
  const isShared = gates.judges(restoredEvent.type).length > 0
  const folder = await host.scratch.open(drill, run.id, name, isShared)
  const order = {
    ...{ point, whole, size: drill.sample, seed: `${run.id} ${name}`, folder, run: run.id, mirror },
    canary: canary && Buffer.from(canary.path, 'base64'),
  }
  const restored = await restoreForDrill(order, { config, runner, signal, now: () => clock.now() })
  const witness = point.kind === 'mirror' ? await witnessAmong(points, context) : undefined
  const { recorded } = restored
  const compared = await compareRestored({
    point,
    recorded,
    folder,
    whole,
    canary,
    witness,
    mirror,
    runner,
    signal,
  })
  const differences = [...restored.missing, ...compared.differences]
  const { files, sizeBytes } = compared
  const result: DrillResult = {
    ...{ source: name, point: point.id, path: point.path, whole, ...compared, tookMs: restored.tookMs },
    ...{ functions: [], differences: differences.slice(0, mostNamed) },
    state: differences.length > 0 ? 'failed' : 'proven',
    error: differences.length > 0 ? errorOf(differences, point) : null,
  }
  if (differences.length > 0) return { result }
  return { result, told: { source: name, folder, point: point.id, at: point.at, whole, files, sizeBytes } }
}

function errorOf([first = '', ...more]: readonly string[], { id }: RestorePoint): string {
  const others = more.length > 0 ? `, and ${more.length} more` : ''
  return `what was restored from ${id} is not what was recorded: ${first}${others}`
}

/** The newest archive of which digests are on record. */
async function witnessAmong(
  points: readonly RestorePoint[],
  { host }: Context,
): Promise<RestorePoint | undefined> {
  const archives = points.filter(({ kind }) => kind !== 'mirror')
  for (const point of archives.toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at))) {
    if (await readerOf(point, host.commands).isIndexed()) return point
  }
  return undefined
}
