import type { Config } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../../host/command/command.ts'
import type { Entry } from '../../host/points/entry.ts'
import { readerOf } from '../../host/points/reader.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { withAccessLists } from '../../host/proof/access-lists.ts'
import { beginRestore, placeRestore, unpackRestore } from '../restore/perform.ts'
import { planRequest } from '../restore/plan-request.ts'
import { chooseSample, seeded } from './drill-sample.ts'

export interface DrillOrder {
  point: RestorePoint
  /** Whether all of it is restored, or a sample. */
  whole: boolean
  /** How large the sample is. */
  size: number
  /** Decides which it is. */
  seed: string
  /** What is in the sample in any case; where the restore point has it. */
  canary: Buffer | undefined
  /** Where it is restored into; not there yet. */
  folder: string
  /** Names the restore. */
  run: string
  /** The mirror of the source, where its disk is there: which files have access lists, it tells alone. */
  mirror: string | undefined
}

/** What was restored. */
export interface DrillRestored {
  /** As the restore point tells of it; folders above a sample among them. */
  recorded: Entry[]
  /** What could not be brought back, and why: sentences. */
  missing: string[]
  tookMs: number
}

/**
 * Restores for a drill, as `hdsync restore` does into a new folder: its plan, its unpacking, its placing.
 * @throws {TerminalError} There is no room, or the restore point cannot be read.
 */
export async function restoreForDrill(
  order: DrillOrder,
  {
    config,
    runner,
    signal,
    now,
  }: { config: Config; runner: CommandRunner; signal: AbortSignal; now(): number },
): Promise<DrillRestored> {
  const { point, folder, run } = order
  const sample = order.whole ? [] : await samplePaths(order, runner)
  if (!order.whole && sample.length === 0 && order.canary)
    throw new TerminalError(`${point.id} has nothing in it, and the source had something when it was copied`)
  // Of a source with nothing in it, its own folder is all there is.
  const isWhole = sample.length === 0
  const paths = isWhole ? [Buffer.alloc(0)] : sample
  const startedAt = now()
  const wanted = {
    ...{ root: folder, isNew: true, deletes: false, exclude: [], owners: 'keep' as const },
    paths: paths.map((path) => path.toString('base64')),
  }
  const plan = await planRequest(wanted, point, config, runner)
  if (plan.damage !== undefined) throw new TerminalError(`${point.id} cannot be read whole: ${plan.damage}`)
  const begun = beginRestore(plan, run, startedAt)
  const { missing } = await unpackRestore(begun, runner)
  await placeRestore(begun, runner, signal)
  const tookMs = Math.max(0, now() - startedAt)
  const isOut = belowOneOf(plan.leaveOut)
  const recorded = await recordedOf(point, isWhole ? undefined : paths, runner)
  return { recorded: recorded.filter(({ path }) => !isOut(path)), missing, tookMs }
}

async function samplePaths(
  { point, size, seed, canary, mirror }: DrillOrder,
  runner: CommandRunner,
): Promise<Buffer[]> {
  const withAccessList = mirror === undefined ? new Set<string>() : await withAccessLists(mirror, runner)
  const options = { size, random: seeded(seed), withAccessList }
  const sample = await chooseSample(readerOf(point, runner).entries(), options)
  // The first name of a file with several comes too: only then can it be told whether they are one.
  const paths = sample.flatMap(({ path, hardLinkTo }) => (hardLinkTo ? [path, hardLinkTo] : [path]))
  if (canary && (await isThere(point, canary, runner))) paths.push(canary)
  return [...new Map(paths.map((path) => [path.toString('latin1'), path])).values()]
}

async function isThere(point: RestorePoint, path: Buffer, runner: CommandRunner): Promise<boolean> {
  for await (const _ of readerOf(point, runner).entries(path, 0)) return true
  return false
}

/** What the restore point tells of these paths and of the folders above them; of everything without paths. */
async function recordedOf(
  point: RestorePoint,
  paths: readonly Buffer[] | undefined,
  runner: CommandRunner,
): Promise<Entry[]> {
  const names = paths && new Set(paths.flatMap(withFoldersAbove))
  const found: Entry[] = []
  for await (const entry of readerOf(point, runner).entries()) {
    if (!names || names.has(entry.path.toString('latin1'))) found.push(entry)
  }
  return found
}

/** The folder of the source itself keeps what it has where only a part is restored. */
function withFoldersAbove(path: Buffer): string[] {
  const parts = path.toString('latin1').split('/')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

function belowOneOf(tops: readonly Buffer[]): (path: Buffer) => boolean {
  const names = new Set(tops.map((top) => top.toString('latin1')))
  return (path) => names.size > 0 && withFoldersAbove(path).some((name) => names.has(name))
}
