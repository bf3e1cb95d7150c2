import { lstatSync, watch } from 'node:fs'
import { join } from 'node:path'
import { RetryableError, TerminalError } from '../../errors.ts'
import { handOver } from '../command/handed-over.ts'
import { heldCode } from './lock.ts'

/** Leave to send the bytes of one archive. */
export interface Admission {
  host: string
  /** The folder of the host. */
  path: string
  /** Held while rsync runs. */
  lock: string
  /** One of them is held besides. */
  slots: string[]
  /** The file in `incoming`. */
  name: string
  /** It may not become larger. */
  mostBytes: number
}

/** What flock(1) ends with where a slot is taken. */
const slotHeldCode = 76
/** The client may think for that long between two archives of a night, not within one. */
const timeoutSeconds = 900
const toldLine = /hdsync-new (\d{1,16})/g

/**
 * Takes the bytes of one archive from this process's own input, with an rsync of which nothing is as the client wishes, and
 * which can write no other file, and not more than was offered.
 * @param capabilities What the client's rsync can do, as it says with `-e`.
 * @returns How many bytes came over the wire; null where it did not tell.
 * @throws {HdsyncError} It did not end well: the message is for a person at the other end.
 */
export async function takeBytes(
  { host, path, lock, slots, name, mostBytes }: Admission,
  capabilities: string,
): Promise<number | null> {
  const incoming = join(path, 'incoming')
  const strange = new AbortController()
  // The client says how many files come: with more than one, rsync would make a folder of that name.
  const watcher = watch(incoming, () => {}).on('change', (_event, file) => {
    if (String(file) !== name || isFolder(join(incoming, name))) strange.abort()
  })
  try {
    const rsync = [
      ...['rsync', '--server', `-tI${capabilities}`, '--inplace', `--copy-dest=${join(path, 'base')}`],
      ...[`--timeout=${timeoutSeconds}`, '--log-file=/proc/self/fd/3', '--log-file-format=hdsync-new %b'],
      ...['.', name],
    ]
    const limited = ['prlimit', '--core=0', `--fsize=${Math.max(1, mostBytes)}`, '--', ...rsync]
    for (const slot of slots) {
      const inSlot = [...flock(slot, slotHeldCode), ...limited]
      const argv = [...flock(lock, heldCode), ...inSlot] as unknown as [string, ...string[]]
      const { exitCode, signal, said } = await handOver(argv, {
        cwd: incoming,
        owner: 'receive',
        signal: strange.signal,
      })
      if (exitCode === slotHeldCode) continue
      if (strange.signal.aborted)
        throw new TerminalError(
          'one file was offered, and something else came: nothing but its bytes is taken',
        )
      if (exitCode === heldCode)
        throw new RetryableError(
          `${host} is sending, or the vault is reading what it has sent: ask again later`,
        )
      const newBytes = [...said.matchAll(toldLine)].map(([, bytes]) => Number(bytes)).at(-1) ?? null
      if (exitCode === 0) return newBytes
      throw new RetryableError(endedText(exitCode, signal))
    }
    throw new RetryableError(
      `${slots.length} hosts are sending to the vault, which is as many as \`concurrency\` lets: ask again later`,
    )
  } finally {
    watcher.close()
  }
}

function flock(path: string, code: number): string[] {
  return ['flock', '--nonblock', '--no-fork', '--conflict-exit-code', String(code), path]
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function endedText(exitCode: number | undefined, signal: string | undefined): string {
  if (signal === 'SIGXFSZ') return 'more came than was offered: rsync was ended'
  const how = exitCode === undefined ? `was ended by ${signal}` : `ended with ${exitCode}`
  return `rsync ${how} on the vault: what has come stays, offer it again to go on from there`
}
