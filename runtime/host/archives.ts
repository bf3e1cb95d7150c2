import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Config, Target } from '../config/config.ts'
import { TerminalError } from '../errors.ts'
import type { Progress } from '../function.ts'
import { type Command, CommandError, type CommandRunner } from './command.ts'
import { ensureDirectory } from './directory.ts'

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

/** Weekday archives of mirrors. */
export interface Archives {
  /** Removes what archives that were never finished have left on a target. */
  tidy(target: Target): Promise<void>
  /**
   * Writes an archive under a temporary name, brings it onto the disk, reads it back, and only then puts it
   * in the place of last week's.
   * @throws {TerminalError} It could not be written, or is not what was written; last week's stands.
   */
  write(
    plan: ArchivePlan,
    onProgress: (progress: Progress) => void,
  ): Promise<{ path: string; sizeBytes: number }>
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

export function compressArgv(
  compression: Compression,
  level: number | undefined,
): Command['argv'] | undefined {
  if (compression === 'zstd') return ['zstd', '--quiet', '--threads=0', `-${level ?? 3}`]
  if (compression === 'gzip') return ['gzip', `-${level ?? 6}`]
  return undefined
}

export function readBackArgv(compression: Compression, path: string): Command['argv'] {
  if (compression === 'zstd') return ['zstd', '--quiet', '--decompress', '--stdout', '--', path]
  if (compression === 'gzip') return ['gzip', '--decompress', '--stdout', '--', path]
  return ['cat', '--', path]
}

export function createArchives(runner: CommandRunner): Archives {
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

    async write(plan, onProgress) {
      const path = archivePath(plan)
      const folder = dirname(path)
      ensureDirectory(folder)
      const temporary = temporaryPath(plan)
      await rm(temporary, { force: true })
      try {
        const written = await write(runner, plan, temporary, onProgress)
        await verify(runner, plan.compression, temporary, written)
        const { size: sizeBytes } = await stat(temporary)
        await rename(temporary, path)
        await syncFolder(folder)
        await removeOtherForms(plan)
        return { path, sizeBytes }
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    },
  }
}

/** @returns The digest of the tar stream. */
async function write(
  runner: CommandRunner,
  plan: ArchivePlan,
  path: string,
  onProgress: (progress: Progress) => void,
): Promise<string> {
  const hash = createHash('sha256')
  const startedAt = performance.now()
  let bytes = 0
  const onFirst = (chunk: Buffer) => {
    hash.update(chunk)
    bytes += chunk.length
    const seconds = (performance.now() - startedAt) / 1000
    onProgress({ bytes, totalBytes: null, bytesPerSecond: seconds > 0 ? Math.round(bytes / seconds) : 0 })
  }
  const tar: Command = { argv: tarArgv(plan), timeoutMs }
  const compressor = compressArgv(plan.compression, plan.level)
  // The archive holds what only root may read on the live system.
  const sink = { file: { path, flags: 'wx', mode: 0o600 }, onFirst } as const
  await runner.pipe(compressor ? [tar, { argv: compressor, timeoutMs }] : [tar], sink)
  return hash.digest('hex')
}

/** Reads the archive back and compares it with what tar had written. */
async function verify(
  runner: CommandRunner,
  compression: Compression,
  path: string,
  expected: string,
): Promise<void> {
  const hash = createHash('sha256')
  const argv = readBackArgv(compression, path)
  let cause: unknown
  try {
    await runner.pipe([{ argv, timeoutMs }], { onFirst: (chunk) => hash.update(chunk) })
    if (hash.digest('hex') === expected) return
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    cause = error
  }
  throw new TerminalError(`the archive ${path} does not read back as it was written`, {
    hint: 'the disk or the memory of this machine may be failing: see dmesg',
    cause,
  })
}

/** A weekday has one archive of a source: after a change of compression the older form is out of date. */
async function removeOtherForms(plan: ArchivePlan): Promise<void> {
  for (const compression of Object.keys(extensions) as Compression[]) {
    if (compression !== plan.compression) await rm(archivePath({ ...plan, compression }), { force: true })
  }
}

/** A rename is on the disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
