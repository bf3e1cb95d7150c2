import * as z from 'zod'
import type { Entry, EntryType } from '../../../host/points/entry.ts'

/** The header that brings what a user has proven themselves with. */
export const peerHeader = 'x-hdsync-peer'

/** What `POST /peer` answers: the name of a link to itself that the client makes in a folder. */
export const challengeSchema = z.object({ folder: z.string(), name: z.string() })

/** What `POST /points` answers. */
export const pointsSchema = z.lazy(() =>
  z.object({
    points: z.array(
      z.looseObject({
        id: z.string(),
        source: z.string(),
        kind: z.string(),
        at: z.string(),
        target: z.string(),
        path: z.string(),
      }),
    ),
    sources: z.array(
      z.object({ name: z.string(), roots: z.array(z.object({ at: z.string(), below: z.string() })) }),
    ),
    absent: z.record(z.string(), z.string()),
  }),
)

const bytes = z.base64().transform((text) => Buffer.from(text, 'base64'))

/** What is asked of a restore point; paths in base64, as names may be of any bytes. */
export const entriesBody = z.lazy(() =>
  z.object({ point: z.string(), under: bytes, depth: z.int().min(0).optional() }),
)
export const contentsBody = z.lazy(() => z.object({ point: z.string(), path: bytes }))
export const tarBody = z.lazy(() =>
  z.object({ point: z.string(), paths: z.array(bytes), alone: z.boolean() }),
)

/** The last line of entries: without it, they are cut off. */
export const endLine = '{}'

/** What comes behind a tar stream: without it, that is cut off, though it may end between two members. */
export const tarEnd = Buffer.from('the end of the tar stream of hdsync\n')

/** An entry as a line of JSON. */
export function entryLine({ path, mtimeNs, linkTo, hardLinkTo, ...rest }: Entry): string {
  return JSON.stringify({
    ...{
      path: path.toString('base64'),
      type: rest.type,
      sizeBytes: rest.sizeBytes,
      mtimeNs: String(mtimeNs),
    },
    ...{ mode: rest.mode, uid: rest.uid, gid: rest.gid },
    ...(linkTo && { linkTo: linkTo.toString('base64') }),
    ...(hardLinkTo && { hardLinkTo: hardLinkTo.toString('base64') }),
    ...(rest.sha256 !== undefined && { sha256: rest.sha256 }),
  })
}

interface EntryLine {
  path: string
  type: EntryType
  sizeBytes: number
  mtimeNs: string
  mode: number
  uid: number
  gid: number
  linkTo?: string
  hardLinkTo?: string
  sha256?: string
}

export function entryOfLine(line: string): Entry {
  const { path, mtimeNs, linkTo, hardLinkTo, ...rest } = JSON.parse(line) as EntryLine
  return {
    ...rest,
    path: Buffer.from(path, 'base64'),
    mtimeNs: BigInt(mtimeNs),
    ...(linkTo !== undefined && { linkTo: Buffer.from(linkTo, 'base64') }),
    ...(hardLinkTo !== undefined && { hardLinkTo: Buffer.from(hardLinkTo, 'base64') }),
  }
}
