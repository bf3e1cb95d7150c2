import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { RetryableError } from '../../errors.ts'
import type { HostFolder } from './host-folder.ts'
import { isOwnFile } from './own.ts'

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
const chunkBytes = 4 * 1024 ** 2

/**
 * Lays what has come of an archive, and after it the last copy, as one file for rsync to take from: what was cut off goes on
 * without anything being sent twice, and what has not changed is not sent either.
 * @param begunBytes How much has come.
 * @param file The last copy, as `SOURCE/NAME`.
 * @throws {RetryableError} What has come is no file any more.
 */
export async function layJoined(
  folder: HostFolder,
  { name, begunBytes, file }: { name: string; begunBytes: number; file: string },
): Promise<void> {
  const { incoming, base, ids } = folder
  const temporary = `${name}.new`
  base.remove(temporary)
  await using begun = await open(incoming.name(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  if (!(await isOwnFile(begun, ids, ids.uid))) throw new RetryableError('what has come is no file of its own')
  await using last = await open(folder.at(file) ?? '', O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  await using output = await base.create(temporary, 0o400)
  await append(output, begun, begunBytes)
  await append(output, last, Number.POSITIVE_INFINITY)
  const own = process.geteuid?.() ?? 0
  if (ids.uid !== own) {
    await output.chown(own, ids.gid)
    await output.chmod(0o440)
  }
  base.rename(temporary, name)
}

async function append(output: FileHandle, input: FileHandle, mostBytes: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(chunkBytes)
  for (let at = 0; at < mostBytes; ) {
    const { bytesRead } = await input.read(buffer, 0, Math.min(chunkBytes, mostBytes - at), at)
    if (bytesRead === 0) return
    for (let done = 0; done < bytesRead; )
      done += (await output.write(buffer, done, bytesRead - done)).bytesWritten
    at += bytesRead
  }
}
