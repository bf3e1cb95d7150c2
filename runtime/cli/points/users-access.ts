import { Readable } from 'node:stream'
import { bySource } from '../../backup/restore/known-points.ts'
import { placeOf } from '../../backup/restore/place.ts'
import { pickPoint } from '../../backup/restore/when.ts'
import { TerminalError } from '../../errors.ts'
import { type Command, createRunner, unobserved } from '../../host/command/command.ts'
import { extracting, extractStream } from '../../host/points/archive-reader.ts'
import type { Entry, Extracted, ExtractOptions, PointReader } from '../../host/points/entry.ts'
import type { OpenFolder } from '../../host/points/open-folder.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { PeerClient } from '../daemon/users/peer-client.ts'
import { endLine, entryOfLine, pointsSchema, tarEnd } from '../daemon/users/wire.ts'
import { rawWord } from './raw-words.ts'

/**
 * What the daemon tells a user who is not root: the restore points, and what of them this user could read.
 * @throws {UsageError} This user may not ask. @throws {DaemonError} Nobody answers.
 */
export async function usersAccess(socket: string, now: number) {
  const daemon = await PeerClient.at(socket, whoMayAsk)
  const { sources, absent, ...told } = pointsSchema.parse(JSON.parse(await daemon.text('/points', {})))
  const points = bySource(told.points as RestorePoint[])
  return {
    isThroughDaemon: true,
    config: undefined,
    points,
    sources,
    absent: new Map(Object.entries(absent)),
    place: (word: string) => placeOf(rawWord(word), sources),
    point: async (source: string, when: string | undefined) =>
      pickPoint(
        when,
        points.filter((one) => one.source === source),
        source,
        now,
      ),
    reader: (point: RestorePoint) => readerOver(daemon, point),
    here: async (point: RestorePoint) => point,
    letGo: async () => {},
    together: async () => [],
    uncatalogued: async () => [],
    settle: async () => true,
    exitCode: (otherwise: number) => otherwise,
    [Symbol.asyncDispose]: async () => {},
  }
}

const whoMayAsk = {
  what: 'over which users ask for their files',
  denied: 'its group may: `http.users` in the config names it; or ask as root, with sudo',
  absent: 'hdsync serve has to run for it: systemctl start hdsync',
}

function readerOver(daemon: PeerClient, { id: point, source }: RestorePoint): PointReader {
  return {
    isIndexed: async () => true,
    async *entries(under = Buffer.alloc(0), depth) {
      yield* entriesIn(await daemon.ask('/entries', { point, under: under.toString('base64'), depth }))
    },
    read: (path) =>
      Readable.from(
        (async function* () {
          const answer = await daemon.ask('/contents', { point, path: path.toString('base64') })
          // With its size, the end is told from a connection that is cut.
          if (answer.headers['content-length'] === undefined) throw brokenOff(`${path}`)
          yield* unbroken(answer, `${path}`)
        })(),
        { objectMode: false },
      ),
    async extract(paths, into, options = {}) {
      if (paths.length === 0) return { unreadable: [] }
      const body = {
        point,
        paths: paths.map((path) => path.toString('base64')),
        alone: options.alone ?? false,
      }
      return await unpack(upToEnd(await daemon.ask('/tar', body)), { source, into, options, point })
    },
  }
}

async function* entriesIn(answer: Readable): AsyncGenerator<Entry> {
  let rest = ''
  for await (const chunk of unbroken(answer, aList)) {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === endLine) return
      yield entryOfLine(line)
    }
  }
  throw brokenOff(aList)
}

const aList = 'a list'

/** A tar stream, without what marks its end. @throws {TerminalError} It is cut off, be it between two members. */
async function* upToEnd(answer: Readable): AsyncGenerator<Buffer> {
  let last: Buffer = Buffer.alloc(0)
  for await (const chunk of unbroken(answer, 'a restore')) {
    const all = Buffer.concat([last, chunk])
    last = all.subarray(-tarEnd.length)
    if (all.length > last.length) yield all.subarray(0, -last.length)
  }
  if (!last.equals(tarEnd)) throw brokenOff('a restore')
}

async function* unbroken(answer: Readable, what: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer) yield chunk as Buffer
  } catch (error) {
    throw brokenOff(what, error)
  }
}

function brokenOff(what: string, cause?: unknown): TerminalError {
  return new TerminalError(`the daemon has broken off in the middle of ${what}`, {
    hint: 'a backup is due, or nothing was read for a minute: ask again later',
    cause,
  })
}

async function unpack(
  stream: AsyncIterable<Buffer>,
  {
    source,
    into,
    options,
    point,
  }: { source: string; into: OpenFolder; options: ExtractOptions; point: string },
): Promise<Extracted> {
  const runner = createRunner({
    observer: unobserved,
    signal: new AbortController().signal,
    owner: 'restore',
  })
  // Everything is theirs; whole, as what was asked for alone came alone.
  const words = extracting({ source }, into, { ...options, owners: 'me', alone: false })
  const argv = ['tar', ...words, '--file=-'] as Command['argv'] & string[]
  return await extractStream(stream, argv, point, runner)
}
