import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Command } from '../command/command.ts'
import { mirrorPath, mirrorState } from '../mirror/mirror-identity.ts'
import type { Compression } from './archive-compression.ts'
import type { ArchivePlan } from './archive-place.ts'

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
    // When the mirror was read, and nobody's of the source: what is packed anew would be other bytes each time.
    '--pax-option=delete=atime,delete=ctime',
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

/** Reads a compressed archive from its standard input. */
export function testArgv(compression: Compression): Command['argv'] | undefined {
  if (compression === 'zstd') return ['zstd', '--quiet', '--test']
  if (compression === 'gzip') return ['gzip', '--test']
  return undefined
}

/** How an archive is made: segments of another form cannot be taken. */
export function formOf(plan: ArchivePlan): string {
  const { source, compression, level } = plan
  return digest([1, tarArgv(plan), source, compression, level])
}

/**
 * What an archive is made from, and how: the state of the mirror and the commands.
 * @returns undefined when there is no mirror.
 */
export function basisOf(plan: ArchivePlan): string | undefined {
  const state = mirrorState(mirrorPath(plan.from, { name: plan.source }))
  if (state === undefined) return undefined
  return digest([state, formOf(plan)])
}

function digest(of: unknown): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 32)
}
