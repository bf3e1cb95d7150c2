import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CancelledError, RetryableError, TerminalError } from '../../../../../runtime/errors.ts'
import { type Command, CommandError } from '../../../../../runtime/host/command/command.ts'
import { lastLines } from '../../../../../runtime/host/command/output.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const timeoutMs = 60_000
const sh = (script: string, options: Partial<Command> = {}): Command => ({
  argv: ['sh', '-c', script],
  timeoutMs,
  ...options,
})

/** What it ends with when it fails. */
async function failureOf(promise: Promise<unknown>): Promise<CommandError> {
  const failure = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!failure) throw new Error('it did not fail')
  return failure as CommandError
}

/** Whether a process runs; one that has ended and that nobody has asked about does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** A process closes its output, which is what is waited for, a moment before the kernel calls it ended. */
function expectGone(pid: number): Promise<void> {
  return expect.poll(() => isRunning(pid)).toBe(false)
}

/** Collects the first line of output, for commands that tell their pid. */
function firstLine() {
  const line = Promise.withResolvers<string>()
  let text = ''
  return {
    line: line.promise,
    onStdout(chunk: Buffer) {
      text += chunk
      if (text.includes('\n')) line.resolve(text.slice(0, text.indexOf('\n')))
    },
  }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('run()', () => {
  test('gives back what a command printed, and records how it ended', async () => {
    const { runner, recorded } = recordingRunner()
    const result = await runner.run(sh('echo out; echo err >&2'))
    expect(result).toEqual({ exitCode: 0, stdout: 'out\n', stderr: 'err\n', durationMs: expect.any(Number) })
    expect(recorded).toEqual([
      {
        argv: ['sh', '-c', 'echo out; echo err >&2'],
        end: { durationMs: result.durationMs, exitCode: 0, stderr: 'err\n' },
      },
    ])
  })

  test('passes arguments on as they are: nothing is a shell', async () => {
    const argv: Command['argv'] = ['printf', '[%s]', '$HOME', '`id`', '; id', 'a  b', '*', '']
    const { stdout } = await recordingRunner().runner.run({ argv, timeoutMs })
    expect(stdout).toBe('[$HOME][`id`][; id][a  b][*][]')
  })

  test('lets tools speak English, find the programs of administrators, and be found again', async () => {
    vi.stubEnv('LC_ALL', 'de_DE.UTF-8')
    vi.stubEnv('PATH', '/usr/bin:relative/folder:.')
    const script = 'printf "%s\\n" "$LC_ALL" "$LVM_SUPPRESS_FD_WARNINGS" "$HDSYNC_OWNER" "$PATH" "$EXTRA"'
    const { stdout } = await recordingRunner().runner.run(sh(script, { env: { EXTRA: 'more' } }))
    vi.unstubAllEnvs()
    const [language, lvm, owner, path, extra] = stdout.split('\n')
    expect([language, lvm, owner, extra]).toEqual(['C', '1', 'test-store', 'more'])
    expect(path?.split(':').toSorted()).toEqual(
      ['/bin', '/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/sbin', '/usr/sbin'].toSorted(),
    )
  })

  test('gives a command its input, and an empty one otherwise', async () => {
    const { runner } = recordingRunner()
    const input = 'line\n'.repeat(100_000)
    expect((await runner.run({ argv: ['cat'], input, timeoutMs })).stdout).toBe(input)
    expect((await runner.run({ argv: ['cat'], timeoutMs })).stdout).toBe('')
  })

  test('does not mind a command that leaves its input unread', async () => {
    const { exitCode } = await recordingRunner().runner.run(sh('exec 0<&-', { input: 'x'.repeat(1_000_000) }))
    expect(exitCode).toBe(0)
  })

  test('hands over output as it comes, and does not keep it then', async () => {
    const chunks: Buffer[] = []
    const command = sh('echo one; echo two', { onStdout: (chunk) => chunks.push(chunk) })
    expect((await recordingRunner().runner.run(command)).stdout).toBe('')
    expect(Buffer.concat(chunks).toString()).toBe('one\ntwo\n')
  })

  test('keeps the end of very much output', async () => {
    const { stdout, stderr } = await recordingRunner().runner.run(
      sh('yes | head -c 20000000; echo end; yes no | head -c 21000000 >&2; echo last >&2'),
    )
    const limit = 4 * 1024 * 1024
    expect([stdout.length, stderr.length]).toEqual([limit, limit])
    expect(stdout.endsWith('y\nend\n')).toBe(true)
    expect(stderr.endsWith('no\nlast\n')).toBe(true)
  })

  test('fails by an exit code, with its last words', async () => {
    const { runner, recorded } = recordingRunner()
    const failure = await failureOf(runner.run(sh('echo a >&2; echo; echo b >&2; echo c >&2; exit 7')))
    expect(failure).toBeInstanceOf(CommandError)
    expect(failure).toBeInstanceOf(RetryableError)
    expect(failure).toMatchObject({
      message: 'sh ended with exit code 7: b; c',
      exitCode: 7,
      signal: undefined,
      stderr: 'a\nb\nc\n',
      timedOut: false,
    })
    expect(recorded[0]?.end).toMatchObject({ exitCode: 7, stderr: 'a\nb\nc\n' })
  })

  test('keeps on record what it said first and last, and hands all of it on', async () => {
    const { runner, recorded } = recordingRunner()
    let heard = 0
    const said = 'echo first >&2; for i in $(seq 2000); do echo line $i >&2; done; echo last >&2; exit 7'
    const failure = await failureOf(
      runner.run(
        sh(said, {
          onStderr: (chunk) => {
            heard += chunk.length
          },
        }),
      ),
    )
    const { stderr } = failure as CommandError
    expect(heard).toBeGreaterThan(18_000)
    expect(stderr.length).toBeLessThan(4_300)
    expect(stderr).toMatch(/^first\nline 1\n[\s\S]*\n… \d+ lines left out …\n[\s\S]*line 2000\nlast\n$/)
    expect(recorded[0]?.end?.stderr).toBe(stderr)
  })

  test('cuts a long line in its middle: its end says why', async () => {
    const long = `printf 'é%.0s' $(seq 5000) >&2; echo ': no' >&2; exit 1`
    const failure = await failureOf(recordingRunner().runner.run(sh(long)))
    expect((failure as CommandError).stderr).toMatch(/^é+.?….?é+: no\n$/)
    expect((failure as CommandError).stderr.length).toBeLessThan(600)
  })

  test('takes an exit code that is accepted for good, and then 0 only if it is named', async () => {
    const { runner } = recordingRunner()
    expect((await runner.run(sh('exit 24', { accept: [0, 24] }))).exitCode).toBe(24)
    await expect(runner.run(sh('exit 0', { accept: [1] }))).rejects.toThrow('exit code 0')
  })

  test('fails by a signal', async () => {
    const { runner, recorded } = recordingRunner()
    expect(await failureOf(runner.run(sh('kill -SEGV $$')))).toMatchObject({
      message: expect.stringMatching(/^sh was ended by SIGSEGV/),
      exitCode: undefined,
      signal: 'SIGSEGV',
    })
    expect(recorded[0]?.end).toMatchObject({ exitCode: null, signal: 'SIGSEGV' })
  })

  test.each([
    ['lvcreate', 'apt-get install lvm2'],
    ['no-such-program', undefined],
  ])('says that %s is not installed, and how to get it', async (program, hint) => {
    vi.stubEnv('PATH', '/nowhere')
    const run = recordingRunner().runner.run({
      argv: [program],
      timeoutMs,
      env: { PATH: '/nowhere' },
    })
    const failure = await failureOf(run)
    vi.unstubAllEnvs()
    expect(failure).toBeInstanceOf(TerminalError)
    expect(failure).toMatchObject({ message: `${program} is not installed`, hint })
  })

  test('says so when a program may not be executed', async () => {
    const program = join(temporaryFolder(), 'page-me')
    writeFileSync(program, '#!/bin/sh\n')
    chmodSync(program, 0o644)
    const failure = await failureOf(recordingRunner().runner.run({ argv: [program], timeoutMs }))
    expect(failure.message).toMatch(/permission|EACCES|executable/i)
  })
})

describe('a time limit', () => {
  test('ends a command with all that it started', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { onStdout, line } = firstLine()
    const { runner, recorded } = recordingRunner()
    const running = failureOf(runner.run(sh('sleep 1000 & echo $!; wait', { onStdout, timeoutMs: 60_000 })))
    const grandchild = Number(await line)
    vi.advanceTimersByTime(59_999)
    expect(isRunning(grandchild)).toBe(true)
    vi.advanceTimersByTime(1)
    expect(await running).toMatchObject({
      message: 'sh took longer than 60 s',
      timedOut: true,
      signal: 'SIGTERM',
    })
    await expectGone(grandchild)
    expect(recorded[0]?.end).toMatchObject({ signal: 'SIGTERM' })
  })

  test('kills what does not heed the polite signal, five seconds later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { onStdout, line } = firstLine()
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
    const running = failureOf(recordingRunner().runner.run(sh(script, { onStdout, timeoutMs: 1000 })))
    await line
    vi.advanceTimersByTime(1000)
    vi.advanceTimersByTime(5000)
    expect(await running).toMatchObject({ timedOut: true, signal: 'SIGKILL' })
  })

  test('counts even when the command then ends well', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { onStdout, line } = firstLine()
    const script = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'
    const running = failureOf(recordingRunner().runner.run(sh(script, { onStdout, timeoutMs: 1000 })))
    await line
    vi.advanceTimersByTime(1000)
    expect(await running).toMatchObject({ timedOut: true, exitCode: 0 })
  })
})

describe('a program that leaves a child behind, which holds its output open,', () => {
  const left: number[] = []
  afterEach(() => {
    for (const pid of left.splice(0)) process.kill(pid)
  })

  test('has ended when it has ended; the child is let be', async () => {
    const { runner, recorded } = recordingRunner()
    const { stdout, exitCode } = await runner.run(sh('sleep 1000 & echo $!; echo told >&2'))
    left.push(Number(stdout))
    expect(exitCode).toBe(0)
    expect(isRunning(Number(stdout))).toBe(true)
    expect(recorded[0]?.end).toMatchObject({ exitCode: 0, stderr: 'told\n' })
  })

  test('has ended though the child writes on and on', async () => {
    const { stdout } = await recordingRunner().runner.run(sh('yes & echo $!; yes >&2 & echo $!; sleep 0.1'))
    const numbers = stdout.match(/^\d+$/gm) ?? []
    // It ends by itself when nobody reads what it writes.
    for (const pid of numbers) await expectGone(Number(pid))
  })

  test('was in time, however long the child takes', async () => {
    const { stdout } = await recordingRunner().runner.run(sh('sleep 1000 & echo $!', { timeoutMs: 500 }))
    left.push(Number(stdout))
    expect(isRunning(Number(stdout))).toBe(true)
  })

  test('has ended when its time is up, even if the child cannot be found', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { onStdout, line } = firstLine()
    const script = "setsid sh -c 'echo $$; exec sleep 1000' & wait"
    const running = failureOf(recordingRunner().runner.run(sh(script, { onStdout, timeoutMs: 1000 })))
    left.push(Number(await line))
    vi.advanceTimersByTime(1000)
    vi.advanceTimersByTime(5000)
    vi.advanceTimersByTime(1000)
    expect(await running).toMatchObject({ timedOut: true, signal: 'SIGTERM' })
  })

  test('ends what is read of it as any other does', async () => {
    const { output, result } = await recordingRunner().runner.open(sh('sleep 1000 & echo $!'))
    const pid = Number(await text(output))
    left.push(pid)
    expect(await result).toMatchObject({ exitCode: 0 })
  })
})

describe('a run that is cancelled', () => {
  const cancelled = new CancelledError('Ctrl-C')

  test('ends its command with all that it started', async () => {
    const cancel = new AbortController()
    const { onStdout, line } = firstLine()
    const running = recordingRunner(cancel.signal).runner.run(sh('sleep 1000 & echo $!; wait', { onStdout }))
    const failure = failureOf(running)
    const grandchild = Number(await line)
    cancel.abort(cancelled)
    expect(await failure).toBe(cancelled)
    await expectGone(grandchild)
  })

  test('waits for a command that must not be stopped halfway', async () => {
    const cancel = new AbortController()
    const marker = join(temporaryFolder(), 'finished')
    const { onStdout, line } = firstLine()
    const { runner, recorded } = recordingRunner(cancel.signal)
    const script = `echo begun; while ! [ -e ${marker} ]; do sleep 0.01; done; echo done > ${marker}`
    const failure = failureOf(runner.run(sh(script, { onStdout, interruptible: false })))
    await line
    cancel.abort(cancelled)
    writeFileSync(marker, '')
    expect(await failure).toBe(cancelled)
    expect(readFileSync(marker, 'utf8')).toBe('done\n')
    expect(recorded[0]?.end).toMatchObject({ exitCode: 0 })
  })

  test('starts no further command', async () => {
    const { runner, recorded } = recordingRunner(AbortSignal.abort(cancelled))
    await expect(runner.run(sh('echo x', { interruptible: false }))).rejects.toBe(cancelled)
    await expect(runner.open(sh('cat'))).rejects.toBe(cancelled)
    expect(recorded).toEqual([])
  })

  test.each([true, false])(
    'starts no command whose own signal is aborted (interruptible: %j)',
    async (interruptible) => {
      const { runner, recorded } = recordingRunner()
      const command = sh('cat; sleep 1000', { interruptible, signal: AbortSignal.abort(cancelled) })
      await expect(runner.run(command)).rejects.toBe(cancelled)
      await expect(runner.open(command)).rejects.toBe(cancelled)
      expect(recorded).toEqual([])
    },
  )
})

describe('open()', () => {
  test('lets a command be talked to while it runs', async () => {
    const { input, output, result } = await recordingRunner().runner.open({ argv: ['cat'], timeoutMs })
    const read = text(output)
    input.write('one ')
    input.end('two')
    expect(await read).toBe('one two')
    expect(await result).toMatchObject({ exitCode: 0, stdout: '' })
  })

  test('leaves no timer behind when it has failed, which would keep the process from ending', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { output, result } = await recordingRunner().runner.open(sh('exit 3'))
    output.resume()
    expect(await failureOf(result)).toMatchObject({ exitCode: 3 })
    expect(vi.getTimerCount()).toBe(0)
  })
})

test.each([
  ['a\nb\nc\n', 2, 'b; c'],
  ['  a  \n\n\n', 2, 'a'],
  ['', 2, ''],
])('lastLines() of %j, %i of them, is %j', (text, count, expected) =>
  expect(lastLines(text, count)).toBe(expected),
)
