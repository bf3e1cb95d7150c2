import { existsSync } from 'node:fs'
import type { Command, CommandRunner } from '../../command/command.ts'
import { keepsSubsecondTimes } from '../../mirror/directory.ts'
import { mirrorPath } from '../../mirror/mirror-identity.ts'
import type { ArchivePlan } from '../archive-place.ts'
import { printed, type Segment, SegmentCutter } from './archive-segments.ts'

const timeoutMs = 7 * 24 * 3_600_000

/** Walks through a mirror, and cuts what it finds into segments. @throws {CommandError} find(1) could not read it all. */
export async function* segmentsOf(
  plan: ArchivePlan,
  runner: CommandRunner,
  signal: AbortSignal,
  nowMs: number,
): AsyncGenerator<Segment> {
  const mirror = mirrorPath(plan.from, { name: plan.source })
  const cutter = new SegmentCutter(plan.source, changedSince(mirror, nowMs / 1000))
  const find = await runner.open({ argv: findArgv(plan), timeoutMs, signal })
  find.input.end()
  for await (const chunk of find.output) yield* cutter.add(chunk)
  await find.result
  yield* cutter.end()
}

/** From when on a time of change may stand for a later change too, in seconds since the epoch. */
function changedSince(mirror: string, now: number): number {
  // The kernel's clock for files goes on in steps of at most 10 ms.
  return existsSync(mirror) && keepsSubsecondTimes(mirror) ? now - 0.1 : Math.floor(now) - 1
}

/** Lists a mirror, with what tells whether anything about its entries has changed. @see find(1) */
function findArgv({ from, source }: Pick<ArchivePlan, 'from' | 'source'>): Command['argv'] {
  return ['find', mirrorPath(from, { name: source }), '-xdev', '-printf', printed]
}
