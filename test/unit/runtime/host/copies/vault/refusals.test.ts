import { expect, test } from 'vitest'
import { TerminalError } from '../../../../../../runtime/errors.ts'
import { createRunner, unobserved } from '../../../../../../runtime/host/command/command.ts'
import { askVault } from '../../../../../../runtime/host/copies/vault/ask.ts'
import type { Reach } from '../../../../../../runtime/host/copies/vault/ssh.ts'
import { isBusy, isUnreachable, sshFailure } from '../../../../../../runtime/host/copies/vault/ssh-errors.ts'
import { refusalInLine, refusalLine, statusAnswer } from '../../../../../../runtime/vault-protocol.ts'

const vault: Reach = { user: 'b', host: 'v.example.org', port: 22, keyFile: '/k', knownHosts: '/h' }
const failure = (stderr: string, exitCode = 12) =>
  sshFailure({ stderr, exitCode, timedOut: false, signal: undefined }, vault, 'offsite')
const broken = 'rsync error: error in rsync protocol data stream (code 12) at io.c(232) [sender=3.5.0]'

test('a refusal on standard error tells whether it is for now', () => {
  for (const isFinal of [true, false]) {
    const refused = { error: 'web1 is sending', isFinal }
    expect(refusalLine(refused)).toMatch(/^hdsync: /)
    expect(refusalInLine(refusalLine(refused))).toEqual(refused)
  }
  expect(refusalInLine('rsync: [sender] hdsync: x')).toBeUndefined()
})

test('a vault that asks for patience is told from one that refuses', () => {
  const later = failure(`hdsync: later: web1 is sending: ask again later\n${broken}\n`)
  expect(later.message).toBe('the vault b@v.example.org refuses: web1 is sending: ask again later')
  expect(isBusy(later)).toBe(true)
  const full = failure(`hdsync: later: the disk of the vault is full\n${broken}\n`)
  expect(full).not.toBeInstanceOf(TerminalError)
  expect(isBusy(full)).toBe(false)
  const never = failure(`hdsync: rsync may not do that: ask again later\n${broken}\n`)
  expect(never).toBeInstanceOf(TerminalError)
  expect(isBusy(never)).toBe(false)
})

test('only what the command of the vault says is taken for its words', () => {
  const cut = failure(`Ignoring "log file" setting.\nprotocol version mismatch?\n${broken}\n`)
  expect(isUnreachable(cut)).toBe(true)
  expect(cut.message).not.toContain('refuses')
  const words = failure(
    `Ignoring "log file" setting.\nhdsync: no: the peer had Connection reset\n${broken}\n`,
  )
  expect(words.message).toBe('the vault b@v.example.org refuses: no: the peer had Connection reset')
  expect(failure('sh: 1: hdsync: not found\n', 127).hint).toBe('install hdsync and rsync there')
})

test('nothing that a terminal would obey is left of what a vault says', async () => {
  const evil = '\u001b[31mred\u0007\u009b2J\u202e'
  for (const text of [`hdsync: ${evil}\n`, `${evil}\n`, `Permission denied ${evil}\n`]) {
    const { message } = failure(text, 1)
    expect(message).toContain('red')
    expect(message).not.toMatch(/\p{C}/u)
  }
  const says = (error: string, isFinal: boolean) => JSON.stringify({ v: 1, ok: false, error, isFinal })
  const asked = (answer: string) => {
    const signal = new AbortController().signal
    const runner = createRunner({ observer: unobserved, signal, owner: 'test' })
    const answers = {
      ...runner,
      run: (command: Parameters<typeof runner.run>[0]) =>
        runner.run({ ...command, argv: ['printf', '%s', answer] }),
    }
    return askVault({ v: 1, do: 'status' }, statusAnswer, { vault, name: 'offsite', runner: answers }).catch(
      (error) => error,
    )
  }
  const refused = await asked(says(`${evil}\nsecond`, true))
  expect(refused).toBeInstanceOf(TerminalError)
  expect(refused.message).toMatch(/red.* second$/)
  expect(refused.message).not.toMatch(/\p{C}/u)
  expect((await asked(JSON.stringify({ v: 1, ok: true, [evil]: 1 }))).message).not.toMatch(/\p{C}/u)
  const later = await asked(says('web1 is sending: ask again later', false))
  expect(later).not.toBeInstanceOf(TerminalError)
  expect(isBusy(later)).toBe(true)
})
