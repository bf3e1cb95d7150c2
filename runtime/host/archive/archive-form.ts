import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { Command } from '../command/command.ts'
import { programFile } from '../command/packages.ts'
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
export function testOf(compression: Compression): Pick<Command, 'argv' | 'manner'> | undefined {
  if (compression === 'zstd') return { argv: ['zstd', '--quiet', '--test'], manner: zstdManner() }
  if (compression === 'gzip') return { argv: ['gzip', '--test'] }
  return undefined
}

/**
 * From 1.5.4 on zstd hands each frame from thread to thread, which takes twice as long as to read a small one. Older ones do
 * not know the option: its text is in the program itself.
 */
function zstdManner(): string[] {
  const file = programFile('zstd')
  return file && readFileSync(file).includes('--no-asyncio') ? ['--no-asyncio'] : []
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
