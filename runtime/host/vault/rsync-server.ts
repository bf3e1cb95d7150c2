import { lstatSync, watch } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { RetryableError, TerminalError } from '../../errors.ts'
import { formatDuration } from '../../units.ts'
import { askAgainLater, rsyncServed } from '../../vault-protocol.ts'
import { handOver } from '../command/handed-over.ts'
import { heldCode } from './lock.ts'

/** Leave to send the bytes of one archive. */
export const admissionSchema = z.strictObject({
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
})
export type Admission = z.output<typeof admissionSchema>

/** Who sends more slowly than that for hours makes way for others; by the next offer it goes on where it was. */
const leastBytesPerSecond = 64 * 1024
const leastMs = 6 * 3_600_000
const longestMs = 72 * 3_600_000

/** How long one rsync may take for so many bytes: at 64 KiB a second, at least 6 hours, at most 72. */
export function sendingMs(sizeBytes: number): number {
  return Math.min(longestMs, leastMs + Math.ceil((sizeBytes / leastBytesPerSecond) * 1000))
}

/** What flock(1) ends with where a slot is taken. */
const slotHeldCode = 76
const toldLine = /hdsync-new (\d{1,16})/g

/**
 * Takes the bytes of one archive from this process's own input, with an rsync of which nothing is as the client wishes, and
 * which can write no other file, and not more than was offered.
 * @param command As the client has it; see `rsyncServed`.
 * @returns How many bytes came over the wire; null where it did not tell.
 * @throws {HdsyncError} It did not end well: the message is for a person at the other end.
 */
export async function takeBytes(
  { host, path, lock, slots, name, mostBytes, mostMs }: Admission,
  command: string,
): Promise<number | null> {
  const incoming = join(path, 'incoming')
  // Of files that have no name any more rsync 3.5.0 opens none.
  const logs = await mkdtemp(join(tmpdir(), 'hdsync-receive-'))
  const log = join(logs, 'log')
  const strange = new AbortController()
  const tooLong = AbortSignal.timeout(mostMs)
  const limitBytes = Math.max(leastLimit, mostBytes)
  // The client says how many files come: with more than one, rsync would make a folder of that name.
  const watcher = watch(incoming, () => {}).on('change', (event, file) => {
    if (event === 'rename' && (String(file) !== name || isFolder(join(incoming, name)))) strange.abort()
  })
  try {
    const served = rsyncServed(command, join(path, 'base'))
    if (served?.name !== name) throw new TerminalError('rsync asks for something else than it was let in for')
    const telling = [`--log-file=${log}`, '--log-file-format=hdsync-new %b']
    const [program, server, ...words] = served.argv
    const rsync = [program, server, ...telling, ...words]
    const limited = ['prlimit', '--core=0', `--fsize=${limitBytes}`, '--', ...rsync]
    for (const slot of slots) {
      const inSlot = [...flock(slot, slotHeldCode), ...limited]
      const argv = [...flock(lock, heldCode), ...inSlot] as unknown as [string, ...string[]]
      const { exitCode, signal } = await handOver(argv, {
        cwd: incoming,
        owner: 'receive',
        signal: AbortSignal.any([strange.signal, tooLong]),
      })
      if (exitCode === slotHeldCode) continue
      if (strange.signal.aborted)
        throw new TerminalError(
          'one file was offered, and something else came: nothing but its bytes is taken',
        )
      if (exitCode === heldCode)
        throw new RetryableError(
          `${host} is sending, or the vault is reading what it has sent: ${askAgainLater}`,
        )
      if (tooLong.aborted)
        throw new RetryableError(
          `rsync was ended on the vault after ${formatDuration(mostMs)}: what has come stays; ${askAgainLater}, to go on from there`,
        )
      const said = await readFile(log, 'utf8').catch(() => '')
      const newBytes = [...said.matchAll(toldLine)].map(([, bytes]) => Number(bytes)).at(-1) ?? null
      if (exitCode === 0) return newBytes
      const isFull = sizeOf(join(incoming, name)) >= limitBytes
      throw new RetryableError(endedText(exitCode, signal, isFull))
    }
    throw new RetryableError(
      `${slots.length} hosts are sending to the vault, which is as many as \`concurrency\` lets: ${askAgainLater}`,
    )
  } finally {
    watcher.close()
    await rm(logs, { recursive: true, force: true })
  }
}

/** What rsync says in its log is never more. */
const leastLimit = 64 * 1024

function flock(path: string, code: number): string[] {
  return ['flock', '--nonblock', '--no-fork', '--conflict-exit-code', String(code), path]
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** What rsync ends with where a file cannot be written; at its limit that is EFBIG. */
const fileError = 11

function endedText(exitCode: number | undefined, signal: string | undefined, isFull: boolean): string {
  if (signal === 'SIGXFSZ' || (exitCode === fileError && isFull))
    return 'more came than was offered: rsync was ended'
  const how = exitCode === undefined ? `was ended by ${signal}` : `ended with ${exitCode}`
  return `rsync ${how} on the vault: what has come stays; ${askAgainLater}, to go on from there`
}
