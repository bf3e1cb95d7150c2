import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import { TerminalError } from '../../../errors.ts'
import { CommandError, type CommandRunner } from '../../command/command.ts'
import { lastLines } from '../../command/output.ts'

const timeoutMs = 7 * 86_400_000

/**
 * Compresses and encrypts what is written to `input`, for all recipients of a file.
 * @returns `ended`: once all of it has come to `output`.
 * @throws {TerminalError} age(1) is not installed, or does not take the recipients.
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
  const ended = Promise.all([
    pipeline(input, age.input),
    pipeline(age.output, output),
    age.result.catch((error: unknown) => {
      throw error instanceof CommandError
        ? new TerminalError(`age does not encrypt to ${recipientsFile}: ${saidBy(error)}`)
        : error
    }),
  ]).then(() => {})
  // Whoever waits gets it; until then nobody may.
  ended.catch(() => {})
  return { input, ended }
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
