import { pipeline } from 'node:stream/promises'
import { UsageError } from '../../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { openAccess, type WhereOptions } from '../points/access.ts'

/**
 * `hdsync cat`: the contents of a file as it was, byte by byte.
 * @throws {UsageError} The place is a whole source.
 * @throws {TerminalError} There is no such file, or it cannot be read whole.
 */
export async function catCommand(
  word: string,
  options: WhereOptions & { at?: string; from?: string },
  io: Io,
): Promise<number> {
  await using access = await openAccess({ ...options, copy: options.from }, io)
  const place = access.place(word)
  if (place.path.length === 0) {
    throw new UsageError(`${word} is a whole source`, {
      hint: `name a file: hdsync cat ${place.source}:PATH`,
    })
  }
  const contents = access.reader(await access.point(place.source, options.at)).read(place.path)
  try {
    // Not ended: what comes after the command still has to be said.
    await pipeline(contents, io.bytes?.() ?? process.stdout, { end: false })
  } catch (error) {
    // Whoever read it, as `head` does, has enough.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
  return access.exitCode(exitCodes.succeeded)
}
