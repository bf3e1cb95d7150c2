import type { Readable } from 'node:stream'
import { limitAt } from '../../config/copy-vault.ts'
import type { Pull } from '../../config/vault.ts'
import { RetryableError, TerminalError } from '../../errors.ts'
import { formatDuration } from '../../units.ts'
import { protocolVersion, requestLimit } from '../../vault-protocol.ts'
import { CommandError, type CommandRunner, type OpenCommand } from '../command/command.ts'
import { limitChange } from '../copies/vault/limit-change.ts'
import { destinationOf, type Reach, sshWords } from '../copies/vault/ssh.ts'
import { sshFailure } from '../copies/vault/ssh-errors.ts'
import { type Admission, cutError, isCut, type Taken, takeBytes } from './rsync-server.ts'

/** A host that bytes are fetched from. */
interface Pulling {
  host: string
  reach: Reach
  limit: Pull['limit']
  runner: CommandRunner
  signal: AbortSignal
  /** Milliseconds since the epoch. */
  now: () => number
}

/** A host may have to wait for a disk before it sends. */
const firstLineMs = 600_000
/** By then an ssh(1) that nothing is wanted of any more has ended, and has said why. */
const graceMs = 20_000

/**
 * Fetches the bytes of one archive from a host. They are taken as those are that a host sends by itself: by an rsync of which
 * nothing is as the other end wishes. Never throws.
 * @returns `isWhole` where rsync has ended well. Where it has not, and there is no failure, another limit holds by now.
 */
export async function pullBytes(
  admission: Admission,
  { host, reach, limit: windows, runner, signal, now }: Pulling,
): Promise<Taken & { isWhole: boolean }> {
  const bytesPerSecond = limitAt(windows, now())
  using change = limitChange(windows, bytesPerSecond, now)
  const end = new AbortController()
  const stop = AbortSignal.any([signal, end.signal, change.signal])
  const request = { v: protocolVersion, do: 'send', sha256: admission.name, bytesPerSecond }
  const argv = [...sshWords(reach), destinationOf(reach), JSON.stringify(request)] as const
  let newBytes = 0
  try {
    const ssh = await runner.open({ argv, timeoutMs: firstLineMs + admission.mostMs, signal: stop })
    const taken = await takeFrom(ssh, admission, stop)
    newBytes = taken.newBytes
    const isKnown = taken.failure !== undefined && !isCut(taken.failure)
    const why = await endOf(ssh, end, isKnown ? 0 : graceMs)
    signal.throwIfAborted()
    if (taken.failure === undefined) return { newBytes, isWhole: true }
    if (change.signal.aborted) return { newBytes, isWhole: false }
    // The host says why it sends nothing more; rsync finds only that nothing comes.
    throw why instanceof CommandError && isCut(taken.failure) ? sshFailure(why, reach, host) : taken.failure
  } catch (failure) {
    return { newBytes, failure, isWhole: false }
  }
}

async function takeFrom(ssh: OpenCommand, admission: Admission, signal: AbortSignal): Promise<Taken> {
  try {
    const command = await firstLine(ssh.output)
    const peer = { input: ssh.output, output: ssh.input }
    return await takeBytes(admission, command, { peer, signal })
  } catch (failure) {
    return { newBytes: 0, failure }
  }
}

/**
 * Waits for the end of an ssh(1) of which nothing more is wanted. @param lastsMs One that goes on for longer is ended.
 * @returns What it failed with.
 */
async function endOf(
  { input, output, result }: OpenCommand,
  end: AbortController,
  lastsMs: number,
): Promise<unknown> {
  input.destroy()
  output.destroy()
  const timer = setTimeout(() => end.abort(new Error('nothing more is wanted')), lastsMs)
  try {
    await result
    return undefined
  } catch (error) {
    return error
  } finally {
    clearTimeout(timer)
  }
}

/** Reads one line, and leaves what comes after it. @throws {HdsyncError} None comes. */
async function firstLine(input: Readable): Promise<string> {
  const signal = AbortSignal.timeout(firstLineMs)
  let read = Buffer.alloc(0)
  for (;;) {
    const chunk = input.read() as Buffer | null
    if (chunk === null) {
      if (input.readableEnded || input.destroyed) throw cutError('nothing has come')
      await readable(input, signal)
      continue
    }
    read = Buffer.concat([read, chunk])
    const end = read.indexOf(0x0a)
    if (end >= 0) {
      input.unshift(read.subarray(end + 1))
      return read.subarray(0, end).toString('latin1')
    }
    if (read.length > requestLimit)
      throw new TerminalError('something else has come than bytes of an archive')
  }
}

/** Until there is something to read, or its end is. @throws {RetryableError} Nothing comes. */
async function readable(input: Readable, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const late = () => reject(new RetryableError(`nothing has come in ${formatDuration(firstLineMs)}`))
  signal.addEventListener('abort', late, { once: true })
  for (const event of ['readable', 'end', 'close', 'error']) input.once(event, resolve)
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', late)
    for (const event of ['readable', 'end', 'close', 'error']) input.off(event, resolve)
  }
}
