import { pipeline } from 'node:stream/promises'
import type { Place } from '../../backup/restore/place.ts'
import { BusyError, UsageError } from '../../errors.ts'
import type { PointReader } from '../../host/points/entry.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import type { WhereOptions } from '../points/access.ts'
import { notThere } from '../points/not-there.ts'
import { openAccess } from '../points/open-access.ts'

/**
 * `hdsync cat`: the contents of a file as it was, byte by byte.
 * @throws {UsageError} The place is a whole source, or nothing was there.
 * @throws {TerminalError} It is no file, or it cannot be read whole.
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
  const point = await access.point(place.source, options.at)
  const reader = access.reader(point)
  const contents = reader.read(place.path)
  try {
    // Not ended: what comes after the command still has to be said.
    await pipeline(contents, io.bytes?.() ?? process.stdout, { end: false })
  } catch (error) {
    // Whoever read it, as `head` does, has enough.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw await reasonFor(error, place, point, reader)
  }
  return access.exitCode(exitCodes.succeeded)
}

/** What was asked for may not be there at all: that is looked for only once it could not be read. */
async function reasonFor(
  error: unknown,
  place: Place,
  point: RestorePoint,
  reader: PointReader,
): Promise<unknown> {
  if (error instanceof BusyError) return error
  try {
    for await (const _ of reader.entries(place.path, 0)) return error
  } catch {
    return error
  }
  return notThere(place, point)
}
