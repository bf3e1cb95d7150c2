import { lstatSync, watch } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { RetryableError, TerminalError } from '../../errors.ts'
import { plainText } from '../../plain-text.ts'
import { formatDuration } from '../../units.ts'
import { askAgainLater, rsyncServed } from '../../vault-protocol.ts'
import { type HandedOver, handOver, type Peer } from '../command/handed-over.ts'
import { lastLines } from '../command/output.ts'
import { firstFree, HostBusyError } from './lock.ts'
import { diskFull, freeIn } from './room.ts'

/** Leave to send the bytes of one archive. */
export const admissionSchema = z.lazy(() =>
  z.strictObject({
    host: z.string(),
    /** The folder of the host. */
    path: z.string(),
    /** A file that is held while rsync runs. */
    lock: z.string(),
    /** One of these files is held besides. */
    slots: z.array(z.string()),
    /** The file in `incoming`. */
    name: z.string(),
    /** It may not become larger. */
    mostBytes: z.int(),
    /** It is ended after that, however much has come. */
    mostMs: z.int(),
  }),
)
export type Admission = z.output<typeof admissionSchema>

/** Who sends more slowly than that for hours makes way for others; by the next offer it goes on where it was. */
const leastBytesPerSecond = 64 * 1024
const leastMs = 6 * 3_600_000
/** However much there is to send. */
export const longestMs = 72 * 3_600_000

/** How long one rsync may take for so many bytes: at 64 KiB a second, at least 6 hours, at most 72. */
export function sendingMs(sizeBytes: number): number {
  return Math.min(longestMs, leastMs + Math.ceil((sizeBytes / leastBytesPerSecond) * 1000))
}

/** What came of an rsync that was let in. */
export interface Taken {
  /** How many bytes came over the wire, however it ended. */
  newBytes: number
  /** Why it did not end well; the message is for a person at the other end. */
  failure?: unknown
}

/**
 * Takes the bytes of one archive from this process's own input, or from a peer, with an rsync of which nothing is as the client wishes, and
 * which can write no other file, and not more than was offered. Never throws.
 * @param command As the client has it; see `rsyncServed`.
 */
export async function takeBytes(
  admission: Admission,
  command: string,
  { peer, signal }: TakingFrom = {},
): Promise<Taken> {
  let newBytes = 0
  try {
    await take(admission, command, {
      ...{ peer, signal },
      onInput(bytes) {
        newBytes += bytes
      },
    })
    return { newBytes }
  } catch (failure) {
    return { newBytes, failure }
  }
}

/** Where bytes come from, if not from whoever talks to this process. */
interface TakingFrom {
  peer?: Peer | undefined
  /** Ends it. */
  signal?: AbortSignal | undefined
}

async function take(
  { host, path, lock, slots, name, mostBytes, mostMs }: Admission,
  command: string,
  { peer, signal: stop, onInput }: TakingFrom & { onInput: (bytes: number) => void },
): Promise<void> {
  const base = join(path, 'base')
  const incoming = join(path, 'incoming')
  const basisBytes = Math.max(sizeOf(join(base, name)), sizeOf(join(incoming, name)))
  const served = rsyncServed(command, base, basisBytes)
  if (served?.name !== name) throw new TerminalError('rsync asks for something else than it was let in for')
  await using held = await firstFree([lock])
  if (!held) throw new HostBusyError(host)
  await using slot = await firstFree(slots)
  if (!slot)
    throw new RetryableError(
      `${slots.length} hosts are sending to the vault, which is as many as \`concurrency\` lets: ${askAgainLater}`,
    )
  const strange = new AbortController()
  const tooLong = AbortSignal.timeout(mostMs)
  // The client says how many files come: with more than one, rsync would make a folder of that name.
  using watched = new DisposableStack()
  watched
    .adopt(watch(incoming), (watcher) => watcher.close())
    .on('change', (event, file) => {
      if (event === 'rename' && (String(file) !== name || isFolder(join(incoming, name)))) strange.abort()
    })
  const { exitCode, signal, stderr } = await handOver(
    ['prlimit', '--core=0', `--fsize=${mostBytes}`, '--', ...asOwnerOf(incoming), ...served.argv],
    {
      ...{ cwd: incoming, owner: 'receive', onInput, peer },
      signal: AbortSignal.any([strange.signal, tooLong, ...(stop ? [stop] : [])]),
      // The locks hold until rsync has ended, even if this process is killed.
      files: [held.fd, slot.fd],
    },
  )
  if (strange.signal.aborted)
    throw new TerminalError('one file was offered, and something else came: nothing but its bytes is taken')
  if (tooLong.aborted)
    throw new RetryableError(
      `rsync was ended on the vault after ${formatDuration(mostMs)}: what has come stays; ${askAgainLater}, to go on from there`,
    )
  if (exitCode === 0) return
  const isTooLarge = sizeOf(join(incoming, name)) >= mostBytes
  throw ended({ exitCode, signal, stderr, isTooLarge, freeBytes: freeIn(path).bytes })
}

/** rsync runs as the user of the host, who writes in `incoming` alone, also where a vault that belongs to root starts it. */
function asOwnerOf(folder: string): string[] {
  const { uid, gid } = lstatSync(folder)
  if (uid === process.geteuid?.()) return []
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--']
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** What rsync ends with where a file cannot be written; at its limit that is EFBIG. */
const fileError = 11
/** rsync writes in pieces of no more than that. */
const pieceBytes = 256 * 1024

/** How an rsync ended that did not end well. */
interface Ended extends HandedOver {
  /** It has written as much as it may. */
  isTooLarge: boolean
  freeBytes: number
}

/** What is behind an rsync whose other end may be what has ended it. */
const cut = 'rsync-cut'

/** Bytes have stopped coming. */
export function cutError(message: string): RetryableError {
  return new RetryableError(message, { kind: cut })
}

/** Whether the other end may tell more of why bytes stopped coming. */
export function isCut(error: unknown): boolean {
  return error instanceof RetryableError && error.kind === cut
}

function ended({ exitCode, signal, stderr, isTooLarge, freeBytes }: Ended): RetryableError {
  if (signal === 'SIGXFSZ' || (exitCode === fileError && isTooLarge))
    return new RetryableError('more came than was offered: rsync was ended')
  if (exitCode === fileError && freeBytes < pieceBytes)
    return new RetryableError(
      `${diskFull}: what has come stays, and rsync goes on from there once there is room`,
    )
  const how = exitCode === undefined ? `was ended by ${signal}` : `ended with ${exitCode}`
  const said = plainText(lastLines(stderr, 2))
  return cutError(
    `rsync ${how} on the vault${said && ` (${said})`}: what has come stays; ${askAgainLater}, to go on from there`,
  )
}
