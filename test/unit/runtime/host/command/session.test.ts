import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../../runtime/errors.ts'
import { openSession } from '../../../../../runtime/host/command/session.ts'
import { recordingRunner } from '../runner.ts'

const timeoutMs = 60_000
const echo = 'while read -r line; do echo "heard $line"; done; echo bye'

function sessionOf(script: string, options: { signal?: AbortSignal; timeoutMs?: number } = {}) {
  const { runner, recorded } = recordingRunner(options.signal)
  const session = openSession(runner, {
    argv: ['sh', '-c', script],
    timeoutMs: options.timeoutMs ?? timeoutMs,
  })
  return { session, recorded }
}

describe('a session', () => {
  test('says lines and hears them, those too that come before anybody listens', async () => {
    const { session, recorded } = sessionOf(echo)
    session.say('one')
    expect(await session.hear()).toBe('heard one')
    session.say('two')
    session.say('three')
    expect(await Promise.all([session.hear(), session.hear()])).toEqual(['heard two', 'heard three'])
    const { exitCode } = await session.end()
    expect(exitCode).toBe(0)
    expect(await session.hear()).toBe('bye')
    expect(recorded).toMatchObject([{ argv: ['sh', '-c', echo], end: { exitCode: 0 } }])
  })

  test('that ends while somebody listens says how it ended', async () => {
    const { session } = sessionOf('read -r line; echo "access denied" >&2; exit 3')
    const heard = session.hear()
    session.say('let me in')
    await expect(heard).rejects.toThrow('sh ended with exit code 3: access denied')
    await expect(session.hear()).rejects.toThrow('access denied')
    session.say('what is written to it is lost')
    await expect(session.end()).rejects.toThrow('access denied')
  })

  test('that ends well without an answer says so', async () => {
    const { session } = sessionOf('exit 0')
    await expect(session.hear()).rejects.toThrow('sh ended without an answer')
  })

  test('ends when its time is up', async () => {
    const { session } = sessionOf('read -r line', { timeoutMs: 50 })
    await expect(session.hear()).rejects.toThrow('sh took longer than 0.05 s')
  })

  test('ends with the function that began it', async () => {
    const over = new AbortController()
    const { session, recorded } = sessionOf(echo, { signal: over.signal })
    session.say('one')
    await session.hear()
    over.abort(new TerminalError('the function has ended'))
    await expect(session.hear()).rejects.toThrow('the function has ended')
    expect(recorded[0]?.end).toMatchObject({ signal: 'SIGTERM' })
  })

  test('that leaves a child behind has ended when it has ended', async () => {
    const { session } = sessionOf('sleep 1000 & echo $!')
    const pid = Number(await session.hear())
    try {
      await expect(session.hear()).rejects.toThrow('sh ended without an answer')
      expect(await session.end()).toMatchObject({ exitCode: 0 })
    } finally {
      process.kill(pid)
    }
  })

  test('is not begun by a function that has ended', async () => {
    const { session, recorded } = sessionOf(echo, { signal: AbortSignal.abort(new TerminalError('over')) })
    session.say('one')
    await expect(session.hear()).rejects.toThrow('over')
    await expect(session.end()).rejects.toThrow('over')
    expect(recorded).toEqual([])
  })

  test('with a program that is not installed says which', async () => {
    const { runner } = recordingRunner()
    const session = openSession(runner, { argv: ['no-such-program'], timeoutMs })
    session.say('hello')
    await expect(session.hear()).rejects.toThrow('no-such-program is not installed')
  })
})
