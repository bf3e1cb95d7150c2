import { UsageError } from '../../../errors.ts'
import type { PointReader } from '../../../host/points/entry.ts'

/** Some 370,000 names of usual length. */
const mostBytesOfNames = 64 * 1024 ** 2
/** What a name takes in memory besides its characters. */
const bytesBeside = 100

/**
 * The names of what is at and below some paths, each byte a character.
 * @param depth Under each path; without end unless given.
 * @throws {UsageError} They are more than the daemon keeps in memory for one user.
 */
export async function namesUnder(
  paths: readonly Buffer[],
  depth: number | undefined,
  { entries }: Pick<PointReader, 'entries'>,
  mostBytes = mostBytesOfNames,
): Promise<Set<string>> {
  const names = new Set<string>()
  let bytes = 0
  for (const path of paths)
    for await (const entry of entries(path, depth)) {
      names.add(entry.path.toString('latin1'))
      bytes += entry.path.length + bytesBeside
      if (bytes > mostBytes)
        throw new UsageError(
          'that is too much for a user at once: restore one folder after the other, or as root',
        )
    }
  return names
}
