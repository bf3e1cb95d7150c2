import { expect, test } from 'vitest'
import type { HostInFleet } from '../../../../../runtime/backup/fleet/overview.ts'
import { exitCodeFor, slotLines } from '../../../../../runtime/cli/commands/fleet-run.ts'
import { chosenHosts } from '../../../../../runtime/cli/fleet/choose.ts'
import { pauseText, slotsText } from '../../../../../runtime/cli/fleet/slots.ts'

test.each([
  [['succeeded', 'succeeded'], 0],
  [['succeeded', 'waiting'], 3],
  [['degraded'], 3],
  [['cancelled'], 3],
  [['held', 'degraded'], 5],
  [['held', 'refused'], 1],
  [['expired'], 1],
  [['failed', 'waiting'], 1],
  [[], 0],
] as const)('exitCodeFor(): commands that are %j', (states, code) => {
  expect(exitCodeFor(states.map((state) => ({ state })))).toBe(code)
})

const fleet = [
  { host: 'web1', state: 'good', labels: ['web'], slotServer: 'vault1' },
  { host: 'web2', state: 'failing', labels: ['web', 'old'], slotServer: null },
  { host: 'gone', state: 'revoked', labels: ['web'], slotServer: 'vault1' },
  { host: 'db1', state: 'waiting', labels: [], slotServer: 'vault1' },
] as unknown as HostInFleet[]

const chosen = (names: string[], choice: Parameters<typeof chosenHosts>[1] = {}) =>
  chosenHosts(names, choice, fleet).map(({ host }) => host)

test('chosenHosts() are those that are named, have the label, or all that have rights, each once', () => {
  expect(chosen(['db1', 'web1', 'db1'])).toEqual(['db1', 'web1'])
  expect(chosen([], { label: 'web' })).toEqual(['web1', 'web2'])
  expect(chosen([], { all: true })).toEqual(['web1', 'web2', 'db1'])
  expect(chosen([], { server: 'vault1' })).toEqual(['web1', 'db1'])
  expect(chosen([], { label: 'web', server: 'vault1' })).toEqual(['web1'])
  expect(chosen(['db1'], { server: 'vault1' })).toEqual(['db1'])
})

test.each([
  ['nobody is named', [], {}, 'name hosts, or a label, or all'],
  ['two ways at once', ['web1'], { label: 'web' }, 'name hosts, or a label, or all'],
  ['a host is not known', ['web9'], {}, 'there is no host web9'],
  ['a label is not known', [], { label: 'wab' }, 'no host has the label wab'],
  ['a server is not known', [], { server: 'vault2' }, 'none of these hosts waits for slots of vault2'],
  ['a host has another server', ['web2'], { server: 'vault1' }, 'web2 waits for no slots, not of vault1'],
  ['a host has no rights', ['gone'], {}, 'gone has no rights any more'],
] as const)('chosenHosts() asks nobody where %s', (_, names, choice, message) => {
  expect(() => chosen([...names], choice)).toThrow(message)
})

const place = (host: string, state: 'waits' | 'granted' | 'alone') => ({
  ...{ server: 'vault1', host, state, since: 0 },
})

test('slotLines() tells once of each host of a command that it has come to wait, and how that went on', () => {
  const commands = [
    { host: 'web1', state: 'taken' },
    { host: 'web2', state: 'waiting' },
  ] as const
  const waiting = new Set<string>()
  const lines = (...places: ReturnType<typeof place>[]) => slotLines(commands, places, waiting)
  expect(lines(place('web1', 'waits'), place('web2', 'waits'), place('db1', 'waits'))).toEqual([
    'web1: waits for a slot of vault1\n',
  ])
  expect(lines(place('web1', 'waits'))).toEqual([])
  expect(lines(place('web1', 'granted'))).toEqual(['web1: has a slot of vault1\n'])
  expect(lines(place('web1', 'granted'))).toEqual([])
})

test('slotsText() tells who has a slot and who waits, of servers at which somebody is, and what is paused', () => {
  const servers = [
    { server: 'vault1', atMost: 2 },
    { server: 'vault2', atMost: 8 },
  ]
  const places = [
    place('a', 'granted'),
    place('b', 'alone'),
    ...[...'cdefgh'].map((host) => place(host, 'waits')),
  ]
  const paused = [{ of: 'server' as const, name: 'vault1', since: '2026-11-30T02:00:00.000Z' }]
  const text = slotsText({ servers, places, paused, isNew: false })
  expect(text).toMatch(
    /^vault1: 1 of 2 slots \(a\); 1 without a slot \(b\); 6 waiting \(c, d, e, f, g, … \(6\)\)\nvault1 is paused since /,
  )
  expect(text).toContain('hdsync fleet resume vault1')
  expect(slotsText({ servers, places, paused: [], isNew: true })).toContain('the hub has just begun')
  expect(slotsText({ servers, places: [], paused: [], isNew: true })).toBe('')
  expect(pauseText({ of: 'label', name: 'web', since: '2026-11-30T02:00:00.000Z' })).toContain(
    'hdsync fleet resume --label web',
  )
})
