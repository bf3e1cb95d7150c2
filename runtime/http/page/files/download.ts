import { Readable } from 'node:stream'
import { placeText } from '../../../backup/restore/place.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import { recordAct } from '../../audit.ts'
import { Problem } from '../../problem.ts'
import { respond } from '../../respond.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { mayAct } from '../look/layout.ts'
import { nameText } from '../look/words.ts'
import type { Backups } from './backups.ts'
import { lookAt } from './listing.ts'
import { type FilePlace, nameIn } from './paths.ts'
import { tarOf } from './tar.ts'

/** A file as it was, or a folder as a tar archive, streamed. @throws {Problem} The session only looks, or nothing is there. */
export async function downloadOf(
  c: PageRequest,
  page: PageContext,
  backups: Backups,
  place: FilePlace,
  point: RestorePoint,
): Promise<Response> {
  if (!mayAct(c))
    throw new Problem('read-only', 'This session sees what files are called, and not what is in them.')
  const lister = backups.lister(point)
  if (!(await lister.isIndexed()))
    throw new Problem('unavailable', `What is in ${point.id} is on no catalogue.`, {
      hint: 'hdsync cat reads it',
    })
  const { itself } = await lookAt(lister, place.path)
  if (itself?.type !== 'file' && itself?.type !== 'directory')
    throw new Problem('unknown-path', 'There is no file or folder at this place: links are not followed.')
  const isFolder = itself.type === 'directory'
  const stream = await backups.read(point, (reader) =>
    isFolder ? tarOf(reader, place.path) : reader.read(place.path),
  )
  if (stream.errored) throw new Problem('unavailable', stream.errored.message)
  await recordAct(c, page, 'download', nameText(Buffer.from(`${placeText(place)}@${point.at}`)))
  const name = place.path.length === 0 ? Buffer.from(place.source) : nameIn(place.path)
  return respond(Readable.toWeb(stream) as ReadableStream, 200, {
    'content-type': isFolder ? 'application/x-tar' : 'application/octet-stream',
    'content-disposition': dispositionOf(isFolder ? Buffer.concat([name, Buffer.from('.tar')]) : name),
    ...(!isFolder && { 'content-length': String(itself.sizeBytes) }),
    // A browser shows nothing of it: it is kept as a file.
    'content-security-policy': "default-src 'none'; sandbox",
  })
}

/** @see RFC 6266 */
function dispositionOf(name: Buffer): string {
  const plain = name.toString('latin1').replace(/[^\w. -]/g, '_')
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name.toString().toWellFormed()).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)}`
}
