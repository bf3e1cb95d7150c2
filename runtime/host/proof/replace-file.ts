import { createHash, randomBytes } from 'node:crypto'
import { closeSync, constants, linkSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { nameOf, type OpenFolder } from '../points/open-folder.ts'
import { setTime, timeOf } from '../restore/time.ts'

/** A file whose contents have rotted, and what it has to hold. */
export interface Replacement {
  /** The folder that its paths are below. */
  root: OpenFolder
  /** All its names: hard links of one file. */
  names: readonly [Buffer, ...Buffer[]]
  /** Reads what it has to hold. */
  content: () => AsyncIterable<Uint8Array>
  /** Of what it has to hold, in hexadecimal digits. */
  sha256: string
}

/**
 * Puts a new file with the right contents in the place of a rotten one: written beside it, on the disk before it is renamed,
 * with the attributes of the old one. Its folder keeps its time. Cut off at any moment, each name has the one or the other.
 * @throws {TerminalError} What was read is not what it has to hold, or a name stands for another file: nothing has changed.
 */
export async function replaceFile(
  { root, names, content, sha256 }: Replacement,
  runner: CommandRunner,
): Promise<void> {
  const [first, ...further] = names
  using parent = root.parentOf(first)
  const here = parent.at(nameOf(first))
  const inode = lstatSync(here, { bigint: true }).ino
  expectOneFile(root, names, inode)
  const beside = parent.at(temporaryName())
  const timeNs = timeOf(parent)
  try {
    await write(beside, content, sha256)
    await copyAttributes(here, beside, runner)
    await sync(beside)
    for (const name of further) await linkOver(root, name, beside, runner)
    renameSync(beside, here)
    parent.sync()
  } finally {
    rmSync(beside, { force: true })
    await setTime(parent, timeNs, runner)
  }
}

/** Left by a crash, it is removed by the next copy: no source has it. */
const temporaryName = () => Buffer.from(`.hdsync-heal-${randomBytes(6).toString('hex')}`)

function expectOneFile(root: OpenFolder, names: readonly Buffer[], inode: bigint): void {
  for (const name of names) {
    using parent = root.parentOf(name)
    const found = lstatSync(parent.at(nameOf(name)), { bigint: true, throwIfNoEntry: false })
    if (found?.isFile() && found.ino === inode && found.nlink === BigInt(names.length)) continue
    throw new TerminalError(`${root.path}/${name} has other hard links than its archive`)
  }
}

async function write(path: Buffer, content: Replacement['content'], sha256: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  await using file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  const hash = createHash('sha256')
  for await (const chunk of content()) {
    hash.update(chunk)
    await file.writeFile(chunk)
  }
  if (hash.digest('hex') !== sha256) throw new TerminalError('the good copy has changed while it was read')
}

/**
 * Owner, mode, times, ACLs, extended attributes. Both files are named by what is open here: names may be of any bytes.
 * @see cp(1), --attributes-only
 */
async function copyAttributes(from: Buffer, to: Buffer, runner: CommandRunner): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const fds = [openSync(from, flags), openSync(to, flags)] as const
  try {
    const places = fds.map((fd) => `/proc/${process.pid}/fd/${fd}`) as [string, string]
    const argv = ['cp', '--attributes-only', '--preserve=all', ...places] as const
    await runner.run({ argv, timeoutMs: 60_000 })
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

/** Makes a further name stand for the new file. */
async function linkOver(root: OpenFolder, name: Buffer, fresh: Buffer, runner: CommandRunner): Promise<void> {
  using parent = root.parentOf(name)
  const beside = parent.at(temporaryName())
  const timeNs = timeOf(parent)
  try {
    linkSync(fresh, beside)
    renameSync(beside, parent.at(nameOf(name)))
    parent.sync()
  } finally {
    rmSync(beside, { force: true })
    await setTime(parent, timeNs, runner)
  }
}

async function sync(path: Buffer): Promise<void> {
  await using file = await open(path, 'r')
  await file.sync()
}
