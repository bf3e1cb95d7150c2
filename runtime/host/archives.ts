import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Config, Target } from '../config/config.ts'
import { TerminalError } from '../errors.ts'
import type { EarlierArchive, Progress } from '../function.ts'
import { type ArchiveFile, archiveFile, isSameFile, shareFile, syncPath } from './archive-file.ts'
import type { Command, CommandRunner } from './command.ts'
import { ensureDirectory } from './directory.ts'
import { digestOnDisk, type Reading } from './disk-read.ts'
import { mirrorPath, mirrorState } from './mirrors.ts'

export type Compression = NonNullable<Config['archive']>['compression']

export interface ArchivePlan {
  /** The target of the mirror. */
  from: Target
  /** The name of the source, which is the folder of its mirror too. */
  source: string
  /** The target of the archive, proven. */
  to: Target
  weekday: string
  compression: Compression
  level: number | undefined
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
   * in the place of last week's.
   * @throws {TerminalError} It could not be written, or is not what was written; last week's stands.
   */
  write(plan: ArchivePlan, onProgress: (progress: Progress) => void): Promise<Archived>
}

const extensions: Record<Compression, string> = { zstd: '.tar.zst', gzip: '.tar.gz', none: '.tar' }
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

/** Exit 1, a file that changed while it was read, is a fault too: a mirror is quiet. @see tar(1) */
export function tarArgv({ from, source }: Pick<ArchivePlan, 'from' | 'source'>): Command['argv'] {
  return [
    'tar',
    '--create',
    '--format=posix',
    '--acls',
    '--xattrs',
    ...(existsSync('/sys/fs/selinux/enforce') ? ['--selinux'] : []),
    '--numeric-owner',
    '--sparse',
    '--one-file-system',
    `--directory=${from.path}`,
    '--',
    source,
  ]
}

/** zstd is told to add the checksum of its input that its test compares with; gzip always does. */
export function compressArgv(
  compression: Compression,
  level: number | undefined,
): Command['argv'] | undefined {
  if (compression === 'zstd') return ['zstd', '--quiet', '--check', '--threads=0', `-${level ?? 3}`]
  if (compression === 'gzip') return ['gzip', `-${level ?? 6}`]
  return undefined
}

/** Reads a compressed archive from its standard input. */
export function testArgv(compression: Compression): Command['argv'] | undefined {
  if (compression === 'zstd') return ['zstd', '--quiet', '--test']
  if (compression === 'gzip') return ['gzip', '--test']
  return undefined
}

export function createArchives(runner: CommandRunner, signal: AbortSignal): Archives {
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
        if (archive) return { archive, damaged: [...damaged.values()] }
        if (problem) damaged.set(found.file, `the archive ${one.path} is damaged: ${problem}`)
      }
      return { damaged: [...damaged.values()] }
    },

    async write(plan, onProgress) {
      const place = placeFor(plan)
      try {
        await rm(place.temporary, { force: true })
        const basis = basisOf(plan)
        const sha256 = await write(runner, plan, place.temporary, onProgress)
        await verify(place.temporary, sha256, plan, { runner, signal })
        const written = await archiveFile(place.temporary)
        if (!written) throw new TerminalError(`the archive ${place.temporary} is gone`)
        await putInPlace(plan, place)
        const { file, sizeBytes } = written
        return { path: place.path, sizeBytes, sha256, file, ...(basis && { basis }) }
      } finally {
        await rm(place.temporary, { force: true })
      }
    },
  }
}

/**
 * What an archive is made from, and how: the state of the mirror and the commands.
 * @returns undefined when there is no mirror.
 */
function basisOf(plan: ArchivePlan): string | undefined {
  const state = mirrorState(mirrorPath(plan.from, { name: plan.source }))
  if (state === undefined) return undefined
  const made = [state, tarArgv(plan), compressArgv(plan.compression, plan.level)]
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 32)
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

/** @returns The digest of what was to be written. */
async function write(
  runner: CommandRunner,
  plan: ArchivePlan,
  path: string,
  onProgress: (progress: Progress) => void,
): Promise<string> {
  const hash = createHash('sha256')
  const tar: Command = { argv: tarArgv(plan), timeoutMs }
  const compressor = compressArgv(plan.compression, plan.level)
  await runner.pipe(compressor ? [tar, { argv: compressor, timeoutMs }] : [tar], {
    // The archive holds what only root may read on the live system.
    file: { path, flags: 'wx', mode: 0o600 },
    onFirst: meter(null, onProgress),
    onLast: (chunk) => hash.update(chunk),
  })
  return hash.digest('hex')
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
