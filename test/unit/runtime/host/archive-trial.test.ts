import { createHash, randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../runtime/errors.ts'
import { ArchiveTrial } from '../../../../runtime/host/archive-trial.ts'
import { type Command, CommandError } from '../../../../runtime/host/command.ts'
import { recordingRunner } from './runner.ts'

const timeoutMs = 60_000
const piece = randomBytes(300_000)

function trialBy(...argv: Command['argv']) {
  const { runner, recorded } = recordingRunner()
  return { trial: new ArchiveTrial(runner, { argv, timeoutMs }), recorded }
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('ArchiveTrial', () => {
  test('hands on all bytes, unchanged and in their order', async () => {
    const sha256 = createHash('sha256').update(piece).update('and').update(piece).digest('hex')
    const { trial } = trialBy('sh', '-c', 'test "$(sha256sum)" = "$1  -"', 'sh', sha256)
    for (const bytes of [piece, Buffer.from('and'), piece]) await trial.add(bytes)
    await trial.end()
  })

  test('has no use for the memory of what was added any more', async () => {
    const { trial } = trialBy('sh', '-c', 'test "$(tr -d x | wc -c)" = 0')
    const bytes = Buffer.alloc(4_000_000, 'x')
    await trial.add(bytes)
    bytes.fill('y')
    await trial.end()
  })

  test('is content with several parts that were compressed each by itself', async () => {
    const { trial } = trialBy('zstd', '--quiet', '--test')
    for (const text of ['one', 'two']) await trial.add(zstdCompressSync(Buffer.from(text)))
    await trial.end()
  })

  test.each([
    ['at once', 'exit 7'],
    ['at its end', 'cat >/dev/null; exit 7'],
  ])('fails with a command that is not content %s', async (_, script) => {
    const { trial } = trialBy('sh', '-c', script)
    const failure = await failureOf(
      (async () => {
        for (let n = 0; n < 10; n += 1) await trial.add(piece)
        await trial.end()
      })(),
    )
    expect(failure).toBeInstanceOf(TerminalError)
    expect(failure).toMatchObject({
      message: 'what has been packed cannot be unpacked: sh ended with exit code 7',
      cause: { exitCode: 7 },
    })
  })

  test('of what is not compressed data fails with what the program says', async () => {
    const { trial } = trialBy('zstd', '--quiet', '--test')
    await trial.add(Buffer.from('not compressed at all'))
    await expect(trial.end()).rejects.toThrow(/^what has been packed cannot be unpacked: zstd ended with/)
  })

  test('can be made again when somebody killed the program', async () => {
    const { trial } = trialBy('sh', '-c', 'kill -KILL $$')
    const failure = await failureOf(trial.add(piece).then(() => trial.end()))
    expect(failure).toBeInstanceOf(CommandError)
    expect(failure).toMatchObject({ signal: 'SIGKILL' })
  })

  test('without anything to test begins no program', async () => {
    const { trial, recorded } = trialBy('false')
    await trial.end()
    await trial.close()
    expect(recorded).toEqual([])
  })

  test('of what is not compressed does nothing', async () => {
    const { runner, recorded } = recordingRunner()
    const trial = new ArchiveTrial(runner, undefined)
    await trial.add(piece)
    await trial.end()
    expect(recorded).toEqual([])
  })

  test('tells which program is not there', async () => {
    const { trial } = trialBy('no-such-program')
    const failure = await failureOf(trial.add(piece).then(() => trial.end()))
    expect(failure).toBeInstanceOf(TerminalError)
    expect(failure).toMatchObject({ message: 'no-such-program is not installed' })
    await trial.close()
  })

  test('that is given up leaves no program behind', async () => {
    const { trial, recorded } = trialBy('sh', '-c', 'cat >/dev/null; exit 7')
    await trial.add(piece)
    await trial.close()
    expect(recorded.map(({ end }) => end?.exitCode)).toEqual([7])
  })
})
