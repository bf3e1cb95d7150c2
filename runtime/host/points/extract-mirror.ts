import { lstatSync, type Stats } from 'node:fs'
import { CommandError, type CommandRunner } from '../command/command.ts'
import { listLine } from '../mirror/rsync-argv.ts'
import { copyFolders } from './copy-folders.ts'
import type { Extracted, ExtractOptions, Unreadable } from './entry.ts'
import { nulFields } from './nul-fields.ts'
import { joinPath, nameOf, OpenFolder } from './open-folder.ts'

/** A large mirror on a slow disk takes its time. */
const timeoutMs = 7 * 24 * 3_600_000

/**
 * Copies what is asked for out of a mirror, as a point reader does, by rsync. Files with holes are copied first and by
 * themselves: with `--sparse` rsync writes 1 KiB at a time, which more than doubles the time that large files take.
 */
export async function extractMirror(
  root: string,
  paths: readonly Buffer[],
  into: OpenFolder,
  { owners, alone = false }: ExtractOptions = {},
  runner: CommandRunner,
): Promise<Extracted> {
  if (paths.length === 0) return { unreadable: [] }
  using top = OpenFolder.at(root)
  if (alone) {
    await copyFolders(paths, top, into, runner, { owners })
    return { unreadable: [] }
  }
  const sparse = await sparseFiles(top, paths, runner)
  const copy = { from: top, into, owners, runner }
  if (sparse === undefined) return { unreadable: await copyPaths(paths, ['--sparse'], copy) }
  if (sparse.length === 0) return { unreadable: await copyPaths(paths, [], copy) }
  // What fails is attempted once more with the rest, and told then. A file may be there without its owner or attributes: then
  // those that exist are looked at again, and holes are kept wherever one is written anew.
  const failed = (await copyPaths(sparse, ['--sparse'], copy)).length > 0
  return { unreadable: await copyPaths(paths, [failed ? '--sparse' : '--ignore-existing'], copy) }
}

interface Copy {
  from: OpenFolder
  into: OpenFolder
  owners: ExtractOptions['owners']
  runner: CommandRunner
}

/** @returns What could not be read. */
async function copyPaths(
  paths: readonly Buffer[],
  options: readonly string[],
  { from, into, owners, runner }: Copy,
): Promise<Unreadable[]> {
  const argv = [
    // Otherwise the times of folders and links are left alone that are right to the second.
    ...['rsync', '--modify-window=-1', '--archive'],
    ...(owners === 'me' ? ['--no-owner', '--no-group'] : []),
    ...['--recursive', '--hard-links', '--acls', '--xattrs', '--xattrs', '--numeric-ids'],
    ...['--one-file-system', '--whole-file', ...options, '--from0', '--files-from=-'],
    ...[`${from.forCommands}/`, `${into.forCommands}/`],
  ]
  const rsync = await runner.open({ argv: argv as [string, ...string[]], timeoutMs, ofMachine: true })
  rsync.output.resume()
  rsync.input.on('error', () => {})
  for (const path of paths) rsync.input.write(listLine(path))
  rsync.input.end()
  try {
    await rsync.result
    return []
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== 23) throw error
    const complaints = error.stderr.split('\n').filter((line) => /^rsync: /.test(line))
    return (complaints.length > 0 ? complaints : [error.message]).map((reason) => ({ reason }))
  }
}

/** More folders than that are not looked through one by one. */
const mostWalks = 8
/** Smaller ones have no holes worth keeping; file systems keep some of them in the inode, and count no blocks for it. */
const leastBytes = 4096

/**
 * Files with holes at and below some paths. What cannot be looked at is left out: whoever copies it says so.
 * @returns undefined where too much is asked for to look.
 */
async function sparseFiles(
  top: OpenFolder,
  paths: readonly Buffer[],
  runner: CommandRunner,
): Promise<Buffer[] | undefined> {
  const found: Buffer[] = []
  const folders: Buffer[] = []
  for (const path of paths) {
    const stats = path.length > 0 ? statsOf(top, path) : undefined
    if (path.length === 0 || stats?.isDirectory()) folders.push(path)
    else if (stats?.isFile() && hasHoles(stats)) found.push(path)
  }
  if (folders.length > mostWalks) return undefined
  for (const folder of folders) for await (const path of sparseBelow(top, folder, runner)) found.push(path)
  return found
}

function statsOf(top: OpenFolder, path: Buffer): Stats | undefined {
  try {
    using parent = top.parentOf(path)
    return lstatSync(parent.at(nameOf(path)))
  } catch {
    return undefined
  }
}

function hasHoles({ size, blocks }: Pick<Stats, 'size' | 'blocks'>): boolean {
  return size > leastBytes && blocks * 512 < size
}

async function* sparseBelow(top: OpenFolder, folder: Buffer, runner: CommandRunner): AsyncGenerator<Buffer> {
  using start = top.descend(folder)
  const large = ['-xdev', '-type', 'f', '-size', `+${leastBytes}c`, '-printf', '%s\\0%b\\0%P\\0']
  const argv = ['find', `${start.forCommands}/`, ...large] as [string, ...string[]]
  const find = await runner.open({ argv, timeoutMs, accept: [0, 1] })
  find.input.end()
  for await (const [size, blocks, below] of nulFields(find.output, 3)) {
    if (!below || !hasHoles({ size: Number(size), blocks: Number(blocks) })) continue
    yield joinPath(folder, below)
  }
  await find.result
}
