import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CommandRunner } from '../command/command.ts'
import { isInstalled } from '../command/packages.ts'
import { listChanged } from './changed-list.ts'
import {
  isEmptyDirectory,
  keepsSubsecondTimes,
  keepsTimesOfChange,
  tellsChangedContents,
} from './directory.ts'
import { mirrorState } from './mirror-identity.ts'
import { countMissing } from './names.ts'
import type { SyncPlan } from './rsync-argv.ts'
import { inShare, listAlike, type Share } from './suspects.ts'
import { type Facts, type Time, type Walk, type Wanted, walk } from './walk.ts'

/** Times after which nothing should have changed on each side, in milliseconds since the epoch. */
export interface Since {
  sourceMs: number
  mirrorMs: number
}

/**
 * When what has been copied may have changed: in the source, files that were written in that time, and those that were
 * changed since its beginning, as their times of change tell.
 */
export interface Written extends Time {
  /** In the mirror, files that were changed since then. */
  mirrorMs?: number | undefined
  /** Times of change after now tell of a clock that was wrong. Without it, none are looked at. */
  nowMs?: number | undefined
}

/** A source and its mirror. */
export type Sides = Pick<SyncPlan, 'from' | 'to' | 'signal'>

/** What a comparison is to find out besides. */
export interface Asked {
  /** Which files may have changed although their size and time have not. */
  writtenIn?: Written | undefined
  /** Files that are compared by their contents although nothing tells of a change. */
  share?: Share | undefined
  /** Whether anything has changed since. */
  since?: Since | undefined
  /** How many files a copy would change at most. */
  changes?: boolean | undefined
}

/** What the names in a source and its mirror tell. */
export interface Comparison {
  /** How many the source has, its own folder included; undefined where not all of it was read, as on a first copy. */
  sourceNames: number | undefined
  /** How many the mirror has, its own folder included; undefined where not all of it could be read. */
  mirrorNames: number | undefined
  /**
   * A copy deletes no more than that: each name that the mirror alone has, or with another type. It may delete less, as
   * it leaves what is excluded. Undefined where not all of the mirror could be read.
   */
  deletionsAtMost: number | undefined
  /**
   * A copy changes or replaces no more files that the mirror has than that: those with other facts on both sides, those that
   * are gone, and those that may differ although their facts are the same. Undefined where that was not asked, or cannot be known.
   */
  changesAtMost?: number | undefined
  /** How many regular files the mirror has, what is not copied included; as `changesAtMost`. */
  mirrorRegular?: number | undefined
  /**
   * A file with the names of those files that have the same size and time on both sides and may differ all the same;
   * undefined where there are none.
   */
  written: string | undefined
  /** How many those are. */
  suspects?: number
  /** Entries of the source, each ended by a NUL, with times that not every file system holds. */
  oddTimes?: Uint8Array
  /**
   * Entries that are the same on both sides (see Facts), and how many have changed on either side since then, be it in
   * what facts do not tell. Undefined where that was not asked, or cannot be known.
   */
  facts?: { same: number; changed: number } | undefined
  /**
   * A file with the names of all that a copy can have to do with, for `SyncPlan.listed`: everything else is the same on both
   * sides, and has not changed since then. Undefined where that was not asked, or is not certain.
   */
  listed?: string | undefined
}

/** Does `Mirrors.survey`. */
export async function surveyMirror(
  runner: CommandRunner,
  path: string,
  run: string,
  { since, writtenIn, changes }: Asked = {},
): Promise<void> {
  surveys.delete(path)
  const state = mirrorState(path)
  if (state === undefined) return
  const seed = newSeed()
  const walked = await walk(runner, path, seed, {
    changedSinceMs: mirrorChangedSince(path, since) ?? factsAlone(changes),
    wanted: wantedOfMirror(path, { since, writtenIn }),
    timeoutMs: surveyTimeoutMs,
  }).catch(() => undefined)
  if (walked?.complete) surveys.set(path, { ...walked, run, state, seed })
}
/** Does `Mirrors.compare`. @param directory For the list of files that may differ. */
export async function compareNames(
  runner: CommandRunner,
  { from, to, signal }: Sides,
  { run, directory, ...asked }: Asked & { run: string; directory: string },
): Promise<Comparison> {
  const { writtenIn, since, share, changes } = asked
  const list = listFor(to, directory)
  const changedList = listFor(to, directory, 'changed')
  for (const file of [list, changedList]) rmSync(file, { force: true })
  if (writtenIn || since) mkdirSync(directory, { recursive: true, mode: 0o700 })
  const surveyed = takeSurvey(to, run)
  const seed = surveyed?.seed ?? newSeed()
  const mirrorTells = () => keepsTimesOfChange(to) && (!surveyed || surveyed.facts)
  // Times that the mirror does not hold would differ in everything.
  const alike = () => keepsSubsecondTimes(to) || !keepsSubsecondTimes(from)
  const factsSince = since && keepsTimesOfChange(from) && mirrorTells() && alike() ? since : undefined
  const isFirst = isEmptyDirectory(to)
  const sourceSinceMs = factsSince && factsSince.sourceMs - granuleMs
  const [mirror, source] = await Promise.all([
    surveyed ??
      walk(runner, to, seed, {
        changedSinceMs: mirrorChangedSince(to, factsSince) ?? factsAlone(changes),
        wanted: wantedOfMirror(to, { ...asked, since: factsSince }),
        signal,
      }),
    // A first copy has nothing to delete, and a walk of a large source is slow.
    isFirst
      ? nothing
      : walk(runner, from, seed, {
          wanted: wantedOfSource(from, { ...asked, since: factsSince }),
          changedSinceMs: sourceSinceMs ?? factsAlone(changes),
          signal,
        }),
  ])
  const names = [mirror.kept, source.kept].flatMap((kept) => kept?.suspects ?? [])
  const others = share && source.kept ? [inShare(source.kept.others, share)] : []
  const suspects = await listAlike([...names, ...others], { from, to }, list)
  return {
    ...(mirror.complete
      ? { mirrorNames: mirror.names.length, deletionsAtMost: countMissing(mirror.names, source.names) }
      : { mirrorNames: undefined, deletionsAtMost: undefined }),
    sourceNames: source.complete && !isFirst ? source.names.length : undefined,
    written: suspects > 0 ? list : undefined,
    suspects,
    ...(changes &&
      mirror.complete &&
      source.complete &&
      !isFirst && {
        changesAtMost: changedAtMost(mirror, source, suspects),
        mirrorRegular: mirror.regular,
      }),
    ...(source.kept && { oddTimes: source.kept.oddTimes }),
    // Without rsync, a copy that would be needless has to fail too.
    ...(factsSince &&
      mirror.complete &&
      source.complete &&
      isInstalled('rsync') && {
        facts: compareFacts(mirror.facts, source.facts),
        listed: await listChanged(
          {
            ...{ mirror, source, copiedMs: factsSince.mirrorMs },
            async namesOf(picked) {
              const options = { changedSinceMs: sourceSinceMs, picked, signal }
              return (await walk(runner, from, seed, options)).picked
            },
          },
          { from, to },
          changedList,
        ),
      }),
  }
}

/** A file with names: those for `syncWritten`, or those for `SyncPlan.listed`. */
export function listFor(mirror: string, directory: string, which: 'written' | 'changed' = 'written'): string {
  return join(directory, `${which}-${basename(mirror)}`)
}

/** The names in a mirror, read before the snapshot of its source was taken. */
interface Survey extends Walk {
  run: string
  seed: number
  /** Which mirror it was. */
  state: string
}

/** By the mirror's path: the steps of a run have hosts of their own. */
const surveys = new Map<string, Survey>()
/** A slower survey is left to `compare`. */
const surveyTimeoutMs = 600_000

/** Used once, as a copy changes the mirror. */
function takeSurvey(path: string, run: string): Survey | undefined {
  const survey = surveys.get(path)
  surveys.delete(path)
  return survey?.run === run && survey.state === mirrorState(path) ? survey : undefined
}

function newSeed(): number {
  return randomBytes(4).readInt32LE()
}

/** What file systems round a time of change down by at most; an old inode may keep whole seconds where others do not. */
const granuleMs = 2_000
/** In a mirror all inodes are alike; the kernel's clock for files goes on in steps of at most 10 ms. */
export const tickMs = 100

function mirrorChangedSince(mirror: string, since: Since | undefined): number | undefined {
  if (!since || !keepsTimesOfChange(mirror)) return undefined
  return since.mirrorMs - (keepsSubsecondTimes(mirror) ? tickMs : granuleMs)
}

/** What of the mirror somebody has changed since the last copy, with few that the copy itself wrote last. */
function wantedOfMirror(mirror: string, { writtenIn, since }: Asked): Wanted | undefined {
  const changed = changedFilesOfMirror(mirror, writtenIn)
  return since || changed ? { changed, changedNames: since !== undefined } : undefined
}

function changedFilesOfMirror(mirror: string, { mirrorMs, nowMs }: Partial<Written> = {}): Time | undefined {
  if (mirrorMs === undefined || nowMs === undefined || !tellsChangedContents(mirror)) return undefined
  const fromMs = mirrorMs - tickMs
  const wholeSecond = Math.floor(fromMs / 1000) * 1000 - 1
  return { fromMs: keepsSubsecondTimes(mirror) ? fromMs : wholeSecond, toMs: nowMs + granuleMs }
}

function wantedOfSource(source: string, { writtenIn, share, since }: Asked): Wanted | undefined {
  const changedNames = since !== undefined
  if (!writtenIn) return since && { changedNames }
  const { fromMs, toMs, nowMs } = writtenIn
  return {
    written: { fromMs, toMs },
    ...(nowMs !== undefined &&
      tellsChangedContents(source) && { changed: { fromMs, toMs: nowMs + granuleMs } }),
    others: share !== undefined,
    oddTimes: true,
    changedNames,
  }
}

const nothing: Walk = { names: new Float64Array(), regular: 0, complete: true }

/** Facts are read although nobody asks what has changed since when. */
function factsAlone(changes: boolean | undefined): number | undefined {
  return changes ? 0 : undefined
}

/** What the mirror has and the source has not, or not so: a name that is gone may stand for something else now. */
function changedAtMost(mirror: Walk, source: Walk, suspects: number): number | undefined {
  if (!mirror.facts || !source.facts) return undefined
  return countMissing(mirror.facts.entries, source.facts.entries) + suspects
}

function compareFacts(mirror: Facts | undefined, source: Facts | undefined): Comparison['facts'] {
  if (!mirror || !source) return undefined
  return {
    same: mirror.entries.length - countMissing(mirror.entries, source.entries),
    changed: mirror.changed.length + source.changed.length,
  }
}
