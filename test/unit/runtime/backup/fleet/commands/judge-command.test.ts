import { expect, test } from 'vitest'
import { judgeCommand } from '../../../../../../runtime/backup/fleet/commands/judge-command.ts'
import { fleetVersion } from '../../../../../../runtime/fleet-protocol.ts'
import { newCommandKey, publicHalf, signCommand } from '../../../../../../runtime/host/fleet/command-key.ts'

const key = newCommandKey()
const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const now = Date.parse('2026-11-29T12:00:00.000Z')
const at = (hours: number) => new Date(now + hours * 3_600_000).toISOString()

const good = {
  v: fleetVersion,
  host: 'web1',
  id: 'c1',
  type: 'backup.start',
  request: {} as unknown,
  issuedAt: at(-1),
  expiresAt: at(23),
}
const here = {
  host: 'web1',
  ca: `${certificate}${publicHalf(key)}`,
  obeys: ['backup.start'],
  keepMs: 90 * 86_400_000,
  now,
}

function signed(command: object, by = key) {
  const text = JSON.stringify(command)
  return { v: fleetVersion, text, signature: signCommand(text, by) } as const
}

test('judgeCommand() obeys what the hub has signed for this host, and its config permits', () => {
  expect(judgeCommand(signed(good), here)).toEqual({ command: good, refusal: undefined })
})

test.each([
  ['another key has signed it', signed(good, newCommandKey()), 'has not signed'],
  ['it was changed', { ...signed(good), text: JSON.stringify({ ...good, id: 'c2' }) }, 'has not signed'],
  ['the signature is none', { ...signed(good), signature: 'AAAA' }, 'has not signed'],
  ['it is for another host', signed({ ...good, host: 'web2' }), 'it is for web2'],
  ['it is no command', signed({ hello: 1 }), 'cannot be read'],
  ['it is no JSON', { v: fleetVersion, text: '{', signature: '' } as const, 'cannot be read'],
])('judgeCommand() passes over what may be of anybody: %s', (_, message, reason) => {
  expect(judgeCommand(message, here)).toEqual({ strange: expect.stringContaining(reason) })
})

test.each([
  ['it is too old', { expiresAt: at(0) }, {}, 'good until'],
  ['it is of a time to come', { issuedAt: at(1) }, {}, 'still to come'],
  ['it is good for too long', { expiresAt: at(24 * 8) }, {}, '7d are allowed'],
  ['the host forgets sooner', { expiresAt: at(48) }, { keepMs: 86_400_000 }, '1d are allowed'],
  ['the host obeys nothing', {}, { obeys: [] }, 'obeys nothing, not backup.start'],
  ['the host obeys something else', {}, { obeys: ['verify.start'] }, 'obeys verify.start, not backup.start'],
  ['nobody obeys that', { type: 'restore.start' }, { obeys: ['restore.start'] }, 'knows how to obey'],
  [
    'it ends what the host does not obey',
    { type: 'command.cancel', request: { command: 'c0', type: 'drill.start' } },
    {},
    'not drill.start',
  ],
  ['it ends nothing that is named', { type: 'command.cancel' }, {}, 'knows how to obey'],
])('judgeCommand() refuses in words that the hub gets: %s', (_, change, terms, reason) => {
  const verdict = judgeCommand(signed({ ...good, ...change }), { ...here, ...terms })
  expect(verdict).toMatchObject({ refusal: expect.stringContaining(reason) })
})

test('judgeCommand() lets a host that obeys something also end it', () => {
  const cancel = { ...good, type: 'command.cancel', request: { command: 'c0', type: 'backup.start' } }
  expect(judgeCommand(signed(cancel), here)).toEqual({ command: cancel, refusal: undefined })
})

test('judgeCommand() has nothing recorded where it cannot tell whose command it is: anybody could fill the disk', () => {
  const verdict = judgeCommand(signed(good, newCommandKey()), { ...here, ca: certificate })
  expect(verdict).toEqual({ strange: expect.stringContaining('join again') })
})
