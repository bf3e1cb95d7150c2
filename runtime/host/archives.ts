import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Target } from '../config/config.ts'
import { TerminalError } from '../errors.ts'
import type { EarlierArchive, Progress } from '../function.ts'
import { type Assembled, assemble, DamagedArchiveError } from './archive-assembly.ts'
import { type Compression, extensions, type Packing } from './archive-compression.ts'
import { type ArchiveFile, archiveFile, isSameFile, shareFile, syncPath } from './archive-file.ts'
import { ArchiveIndex } from './archive-index.ts'
import { openPackers } from './archive-packers.ts'
import { printed, type Segment, SegmentCutter } from './archive-segments.ts'
import type { Boots } from './boots.ts'
import type { Command, CommandRunner } from './command.ts'
import { ensureDirectory, keepsSubsecondTimes, keepsTimesOfChange } from './directory.ts'
import { digestOnDisk, type Reading } from './disk-read.ts'
import { mirrorPath, mirrorState } from './mirrors.ts'

export interface ArchivePlan extends Packing {
  /** The target of the mirror. */
  from: Target
  /** The name of the source, which is the folder of its mirror too. */
  source: string
  /** The target of the archive, proven. */
  to: Target
  weekday: string
}

/** An archive that was verified and put in place; see the event `source.archived`. */
export interface Archived {
  path: string
  sizeBytes: number
  sha256: string
  basis?: string
  file: string
  unchangedSince?: string
  linkedFrom?: string
  takenFrom?: string
  takenBytes?: number
}

/** Weekday archives of mirrors. */
export interface Archives {
  /** Removes what archives that were never finished have left on a target. */
  tidy(target: Target): Promise<void>
  /**
   * Puts an earlier archive in the place of last week's, if one holds what a new one would: it is read from the disk
   * and compared with what it was when it was written, then shares its blocks with the new one (a reflink), or the
   * file itself (a hard link) where the file system has none. Where it is in its place already, it stays there.
   * @param earlier What is known not to have changed since, the newest first.
   * @returns No archive where there is none that can be used; `damaged` says what is wrong with those that should be
   *   good.
   */
  reuse(
    plan: ArchivePlan,
    earlier: readonly EarlierArchive[],
    onProgress: (progress: Progress) => void,
  ): Promise<{ archive?: Archived; damaged: string[] }>
  /**
   * Writes an archive under a temporary name, brings it onto the disk, reads it from there, and only then puts it
   * in the place of last week's. What has not changed since an earlier archive of this week is taken from that one.
   * @returns `damaged` says what is wrong with an earlier archive that should be good; nothing was taken from it then.
   * @throws {TerminalError} It could not be written, or is not what was written; last week's stands.
   */
  write(
    plan: ArchivePlan,
    onProgress: (progress: Progress) => void,
  ): Promise<{ archive: Archived; damaged: string[] }>
}

export interface ArchivesOptions {
  runner: CommandRunner
  signal: AbortSignal
  boots: Boots
  /** Where the indexes of archives are kept. */
  indexes: string
  /** Milliseconds since the epoch. */
  now?: () => number
}

/** The folders of archives. */
export const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const temporarySuffix = '.hdsync-part'
const timeoutMs = 7 * 24 * 3_600_000

export function archivePath({
  to,
  weekday,
  source,
  compression,
}: Omit<ArchivePlan, 'from' | 'level'>): string {
  return join(to.path, weekday, `${source}${extensions[compression]}`)
}

/** Where an archive is written before it is proven. */
export function temporaryPath(plan: Omit<ArchivePlan, 'from' | 'level'>): string {
  const path = archivePath(plan)
  return join(dirname(path), `.${basename(path)}${temporarySuffix}`)
}

/**
 * Packs the paths that it reads from its standard input, each ended by a NUL. Exit 1, a file that changed while it was
 * read, is a fault too: a mirror is quiet.
 * @see tar(1)
 */
export function tarArgv({ from }: Pick<ArchivePlan, 'from'>): Command['argv'] {
  return [
    'tar',
    '--create',
    '--format=posix',
    '--acls',
    '--xattrs',
    ...(existsSync('/sys/fs/selinux/enforce') ? ['--selinux'] : []),
    '--numeric-owner',
    '--sparse',
    `--directory=${from.path}`,
    '--no-recursion',
    '--null',
    '--no-unquote',
    '--files-from=-',
  ]
}

/** Lists a mirror, with what tells whether anything about its entries has changed. @see find(1) */
function findArgv({ from, source }: Pick<ArchivePlan, 'from' | 'source'>): Command['argv'] {
  return ['find', mirrorPath(from, { name: source }), '-xdev', '-printf', printed]
}

/** Reads a compressed archive from its standard input. */
export function testArgv(compression: Compression): Command['argv'] | undefined {
  if (compression === 'zstd') return ['zstd', '--quiet', '--test']
  if (compression === 'gzip') return ['gzip', '--test']
  return undefined
}

export function createArchives(options: ArchivesOptions): Archives {
  const { runner, signal, indexes, now = Date.now } = options
  const indexPath = ({ source }: Pick<ArchivePlan, 'source'>, weekday: string) =>
    join(indexes, `${source}.${weekday}.index`)

  return {
    async tidy(target) {
      for (const weekday of weekdays) {
        const folder = join(target.path, weekday)
        for (const name of existsSync(folder) ? readdirSync(folder) : []) {
          if (name.startsWith('.') && name.endsWith(temporarySuffix))
            await rm(join(folder, name), { force: true })
        }
      }
    },

    async reuse(plan, earlier, onProgress) {
      const basis = basisOf(plan)
      const places = weekdays.map((weekday) => archivePath({ ...plan, weekday }))
      const damaged = new Map<string, string>()
      for (const one of earlier) {
        if (one.basis !== basis || !places.includes(one.path)) continue
        const found = await archiveFile(one.path)
        // Another disk is there now, or somebody put another file in its place: it may be good, but is not the one.
        if (found?.file !== one.file || damaged.has(found.file)) continue
        const onRead = meter(one.sizeBytes, onProgress)
        const { archive, problem } = await placeEarlier(plan, one, found, { runner, signal, onRead })
        if (archive) {
          await carryIndex(plan, one, archive)
          return { archive, damaged: [...damaged.values()] }
        }
        if (problem) damaged.set(found.file, `the archive ${one.path} is damaged: ${problem}`)
      }
      return { damaged: [...damaged.values()] }
    },

    async write(plan, onProgress) {
      const place = placeFor(plan)
      const earlier = await newestIndex(plan)
      try {
        const basis = basisOf(plan)
        const { assembled, damaged, taken } = await assembleFrom(earlier, plan, place.temporary, onProgress)
        const { sha256, index } = assembled
        await verify(place.temporary, sha256, plan, { runner, signal })
        const written = await archiveFile(place.temporary)
        if (!written) throw new TerminalError(`the archive ${place.temporary} is gone`)
        await putInPlace(plan, place)
        const { path } = place
        const { file, sizeBytes } = written
        const about = { path, file, sizeBytes, form: formOf(plan), boot: options.boots.current }
        // Without it the next archive is made of the whole mirror: slower, and no less good.
        await index.save(indexPath(plan, plan.weekday), { ...about, writtenAt: now() }).catch(() => {})
        return { archive: { path, sizeBytes, sha256, file, ...(basis && { basis }), ...taken }, damaged }
      } finally {
        await rm(place.temporary, { force: true })
      }
    },
  }

  /** What is known of an archive is known of its link as well. */
  async function carryIndex(plan: ArchivePlan, { path, file }: EarlierArchive, to: Archived): Promise<void> {
    if (to.path === path) return
    for (const from of weekdays.map((weekday) => indexPath(plan, weekday))) {
      const known = ArchiveIndex.peek(from)
      if (known?.path !== path || known.file !== file) continue
      const about = { path: to.path, file: to.file, writtenAt: now() }
      await ArchiveIndex.read(from)
        ?.carry(indexPath(plan, plan.weekday), about)
        .catch(() => {})
      return
    }
  }

  /** Of the archives of this week: the newest one that is there, and of which segments may be taken. */
  async function newestIndex(plan: ArchivePlan): Promise<ArchiveIndex | undefined> {
    const mirror = mirrorPath(plan.from, { name: plan.source })
    if (!existsSync(mirror) || !keepsTimesOfChange(mirror)) return undefined
    const form = formOf(plan)
    const candidates = weekdays
      .map((weekday) => ({ weekday, at: indexPath(plan, weekday) }))
      .map((one) => ({ ...one, about: ArchiveIndex.peek(one.at) }))
      .toSorted((one, other) => (other.about?.writtenAt ?? 0) - (one.about?.writtenAt ?? 0))
    for (const { weekday, at, about } of candidates) {
      if (about?.form !== form || about.path !== archivePath({ ...plan, weekday })) continue
      // After a power cut the contents of a file may be others although its inode is as it was.
      if (!options.boots.inOrderSince(about.boot)) continue
      const found = await archiveFile(about.path)
      if (found?.file !== about.file || found.sizeBytes !== about.sizeBytes) continue
      const index = ArchiveIndex.read(at)
      if (index) return index
    }
    return undefined
  }

  /** From the whole mirror, where the earlier archive turns out to be damaged. */
  async function assembleFrom(
    earlier: ArchiveIndex | undefined,
    plan: ArchivePlan,
    path: string,
    onProgress: (progress: Progress) => void,
  ): Promise<{ assembled: Assembled; damaged: string[]; taken: Pick<Archived, 'takenFrom' | 'takenBytes'> }> {
    await rm(path, { force: true })
    const packers = openPackers(plan)
    try {
      const assembled = await assemble(path, {
        segments: (stopped) => segmentsOf(plan, runner, stopped, now()),
        earlier,
        tar: { argv: tarArgv(plan), timeoutMs },
        packers,
        runner,
        signal,
        onWritten: meter(null, onProgress),
      })
      const { takenBytes } = assembled
      const taken = earlier && takenBytes > 0 ? { takenFrom: earlier.header.path, takenBytes } : {}
      return { assembled, damaged: [], taken }
    } catch (error) {
      if (!earlier || !(error instanceof DamagedArchiveError)) throw error
      const whole = await assembleFrom(undefined, plan, path, onProgress)
      return { ...whole, damaged: [`the archive ${earlier.header.path} is damaged: ${error.message}`] }
    } finally {
      await packers.close()
    }
  }
}

/** Walks through a mirror. */
async function* segmentsOf(
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

/** How an archive is made: segments of another form cannot be taken. */
function formOf(plan: ArchivePlan): string {
  const { source, compression, level } = plan
  return digest([1, tarArgv(plan), source, compression, level])
}

/**
 * What an archive is made from, and how: the state of the mirror and the commands.
 * @returns undefined when there is no mirror.
 */
function basisOf(plan: ArchivePlan): string | undefined {
  const state = mirrorState(mirrorPath(plan.from, { name: plan.source }))
  if (state === undefined) return undefined
  return digest([state, formOf(plan)])
}

function digest(of: unknown): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 32)
}

/** Where an archive will be, and where it is until it is proven. */
interface Place {
  path: string
  temporary: string
}

function placeFor(plan: ArchivePlan): Place {
  const path = archivePath(plan)
  ensureDirectory(dirname(path))
  return { path, temporary: temporaryPath(plan) }
}

/** Puts an earlier archive in place, once what is read of it is good. @returns Neither where it cannot be shared. */
async function placeEarlier(
  plan: ArchivePlan,
  { path: linkedFrom, sizeBytes, sha256, basis, unchangedSince }: EarlierArchive,
  found: ArchiveFile,
  reading: Reading,
): Promise<{ archive?: Archived; problem?: string }> {
  if (found.sizeBytes !== sizeBytes) return { problem: `it has ${found.sizeBytes} of ${sizeBytes} bytes` }
  const { path, temporary } = placeFor(plan)
  // A rename onto another name of the same file does nothing, and leaves the temporary name behind.
  const isThere = isSameFile(found, await archiveFile(path))
  const candidate = isThere ? path : temporary
  try {
    await rm(temporary, { force: true })
    if (!isThere && !(await shareFile(linkedFrom, temporary))) return {}
    const problem = await problemOf(candidate, sha256, reading)
    if (problem) return { problem }
    const { file } = (await archiveFile(candidate)) ?? found
    await putInPlace(plan, { path, temporary: candidate })
    const link = path === linkedFrom ? {} : { linkedFrom }
    return { archive: { path, sizeBytes, sha256, basis, file, unchangedSince, ...link } }
  } finally {
    await rm(temporary, { force: true })
  }
}

async function putInPlace(plan: ArchivePlan, { path, temporary }: Place): Promise<void> {
  await rename(temporary, path)
  // A rename is on the disk when its folder is.
  await syncPath(dirname(path))
  await removeOtherForms(plan)
}

/** Reads an archive from the disk, and compares it with what was to be written. */
async function verify(path: string, sha256: string, plan: ArchivePlan, reading: Reading): Promise<void> {
  let cause: unknown
  try {
    const test = testArgv(plan.compression)
    if (
      (await digestOnDisk(path, { ...reading, ...(test && { test: { argv: test, timeoutMs } }) })) === sha256
    )
      return
  } catch (error) {
    reading.signal.throwIfAborted()
    cause = error
  }
  throw new TerminalError(`the archive ${path} does not read back as it was written`, {
    hint: 'the disk or the memory of this machine may be failing: see dmesg',
    cause,
  })
}

/** What is wrong with an earlier archive, if anything is, when it is read from the disk. */
async function problemOf(path: string, sha256: string, reading: Reading): Promise<string | undefined> {
  try {
    if ((await digestOnDisk(path, reading)) === sha256) return undefined
    return 'it does not read back as it was written'
  } catch (error) {
    reading.signal.throwIfAborted()
    return `it cannot be read: ${(error as Error).message}`
  }
}

/** Counts bytes. */
function meter(totalBytes: number | null, onProgress: (progress: Progress) => void) {
  const startedAt = performance.now()
  let bytes = 0
  return (chunk: Uint8Array) => {
    bytes += chunk.length
    const seconds = (performance.now() - startedAt) / 1000
    onProgress({ bytes, totalBytes, bytesPerSecond: seconds > 0 ? Math.round(bytes / seconds) : 0 })
  }
}

/** A weekday has one archive of a source: after a change of compression the older form is out of date. */
async function removeOtherForms(plan: ArchivePlan): Promise<void> {
  for (const compression of Object.keys(extensions) as Compression[]) {
    if (compression !== plan.compression) await rm(archivePath({ ...plan, compression }), { force: true })
  }
}
