import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import { TerminalError } from '../../../errors.ts'
import { CommandError, type CommandResult, type CommandRunner } from '../../command/command.ts'
import { lastLines } from '../../command/output.ts'

const timeoutMs = 7 * 86_400_000

/**
 * Compresses and encrypts what is written to `input`, for all recipients of a file.
 * @returns `ended`: once all of it has come to `output`.
 * @throws {TerminalError} age(1) is not installed, or does not encrypt to each of the recipients.
 */
export async function encryptTo(
  recipientsFile: string,
  output: Writable,
  runner: CommandRunner,
): Promise<{ input: Writable; ended: Promise<void> }> {
  const age = await runner.open({
    argv: ['age', '--encrypt', '--recipients-file', recipientsFile],
    timeoutMs,
  })
  const input = createZstdCompress()
  const ended = endOf(pipeline(input, age.input), age.result, pipeline(age.output, output), recipientsFile)
  // Whoever waits gets it; until then nobody may.
  ended.catch(() => {})
  return { input, ended }
}

/** @throws What age says, rather than that its end of a pipe is closed then; a disk that is full rather than that age says so. */
async function endOf(
  fed: Promise<void>,
  result: Promise<CommandResult>,
  written: Promise<void>,
  recipientsFile: string,
): Promise<void> {
  const proved = result.then(
    ({ stderr }) => proveEveryRecipient(stderr, recipientsFile),
    (error: unknown) => {
      throw whyNotEncrypted(error, recipientsFile)
    },
  )
  const ends = await Promise.allSettled([written.catch(unlessClosed), proved, fed])
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** Without an error of its own a pipe says only that the other end is gone. */
function unlessClosed(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
}

/**
 * Proves that age(1) takes the recipients of a file, all of them.
 * @throws {TerminalError} It does not. @throws {TerminalError} age(1) is not installed.
 */
export async function proveRecipients(recipientsFile: string, runner: CommandRunner): Promise<void> {
  const argv = ['age', '--encrypt', '--recipients-file', recipientsFile, '--output', '/dev/null'] as const
  try {
    const { stderr } = await runner.run({ argv, timeoutMs: 60_000, input: '' })
    proveEveryRecipient(stderr, recipientsFile)
  } catch (error) {
    throw whyNotEncrypted(error, recipientsFile)
  }
}

/** age(1) leaves out a key of ssh that it cannot use, warns, and exits with 0. */
function proveEveryRecipient(stderr: string, recipientsFile: string): void {
  const warning = /^.*(?:warning:|ignoring).*$/im.exec(stderr)?.[0]
  if (warning === undefined) return
  throw new TerminalError(
    `age does not encrypt to each recipient in ${recipientsFile}: ${warning.replace(/^age: (?:warning: )?/, '')}`,
    { hint: `put a key that age takes in its place: age1…, ssh-ed25519, or ssh-rsa of 2048 bits or more` },
  )
}

function whyNotEncrypted(error: unknown, recipientsFile: string): unknown {
  if (!(error instanceof CommandError)) return error
  return new TerminalError(`age does not encrypt to ${recipientsFile}: ${saidBy(error)}`)
}

/**
 * Decrypts and decompresses a list with the identity of a file.
 * @returns Its text, as it comes. It ends with an error where the list was not read to its end, or is not what was encrypted.
 */
export async function* decryptWith(
  identityFile: string,
  list: Readable,
  runner: CommandRunner,
): AsyncGenerator<Buffer, void> {
  const { input, output, result } = await runner.open({
    argv: ['age', '--decrypt', '--identity', identityFile],
    timeoutMs,
  })
  const text = createZstdDecompress()
  // What age says of a wrong identity counts, and not that it reads no further then.
  const fed = pipeline(list, input).catch(() => {})
  const passed = pipeline(output, text).catch(() => {})
  // Who reads no further ends age, and does not wait for what it says of that.
  result.catch(() => {})
  try {
    yield* text as AsyncIterable<Buffer>
  } catch (error) {
    await result.catch((thrown: unknown) => {
      throw whyNotOpened(thrown, identityFile)
    })
    throw new TerminalError('the list of its chunks is not what was encrypted', { cause: error })
  } finally {
    text.destroy()
    output.destroy()
    list.destroy()
    await Promise.all([fed, passed])
  }
  await result.catch((error: unknown) => {
    throw whyNotOpened(error, identityFile)
  })
}

function whyNotOpened(error: unknown, identityFile: string): unknown {
  if (!(error instanceof CommandError)) return error
  if (/no identity matched/.test(error.stderr))
    return new TerminalError(`${identityFile} is not an identity that it was encrypted to`, {
      hint: 'age-keygen -y FILE shows whose recipient an identity is; the recipients were those of `encryptTo`',
    })
  return new TerminalError(`age does not open it with ${identityFile}: ${saidBy(error)}`)
}

/** What age says, but for where to tell of it. */
function saidBy({ stderr }: CommandError): string {
  const lines = stderr.split('\n').filter((line) => !line.includes('report unexpected'))
  return lastLines(lines.join('\n').replaceAll(/^age: (?:error: )?/gm, ''), 1)
}
