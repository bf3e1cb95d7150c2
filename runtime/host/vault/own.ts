import { constants } from 'node:fs'
import { copyFile, type FileHandle } from 'node:fs/promises'
import { RetryableError } from '../../errors.ts'
import { askAgainLater } from '../../vault-protocol.ts'
import type { CommandRunner } from '../command/command.ts'
import type { Folder } from '../target/safe-open.ts'
import type { Ids } from './host-folder.ts'

/** F_SETLEASE with F_RDLCK: refused while anybody has the file open for writing, be it mapped or on its way through a socket. */
const asksForLease = 'open my $file, "<", $ARGV[0] or exit $!+0; exit(fcntl($file, 1024, 0) ? 0 : $!+0)'
const free = 0
/** EAGAIN. */
const isWritten = 11
/** EPERM, EINVAL, ENOLCK, EOPNOTSUPP: this file system knows no leases. */
const unknown = [1, 22, 37, 95]

/**
 * Whether a file of its own lies there that the user of a host has written, and nothing else that this user may have put there
 * meanwhile: a second name of a file of somebody else's, a folder, a device. What is opened is looked at before it is touched.
 * @param own Whose it is once it was made the vault's own, which a crash may have cut off.
 */
export async function isOwnFile(file: FileHandle, { uid }: Ids, own: number): Promise<boolean> {
  const found = await file.stat()
  return found.isFile() && found.nlink === 1 && (found.uid === uid || found.uid === own)
}

/**
 * Makes sure that nobody can write to a file any more that the vault has made its own. Only the kernel knows: a process may have it
 * open, or have sent the open file to another one.
 * @param path For a command.
 * @throws {RetryableError} Somebody has it open for writing.
 */
export async function proveUnwritten(
  { folder, name, path }: { folder: Folder; name: string; path: string },
  runner: CommandRunner,
): Promise<void> {
  const argv = ['perl', '-e', asksForLease, path] as const
  const { exitCode } = await runner.run({ argv, timeoutMs: 60_000, accept: [free, isWritten, ...unknown] })
  if (exitCode === free) return
  if (exitCode === isWritten)
    throw new RetryableError(`a process of the vault has what came open: ${askAgainLater}`)
  // A file that nobody has ever opened.
  const fresh = `${name}.own`
  folder.remove(fresh)
  await copyFile(folder.name(name), folder.name(fresh), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  folder.rename(fresh, name)
}
