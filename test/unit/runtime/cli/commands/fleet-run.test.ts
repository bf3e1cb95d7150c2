import { expect, test } from 'vitest'
import type { HostInFleet } from '../../../../../runtime/backup/fleet/overview.ts'
import { exitCodeFor } from '../../../../../runtime/cli/commands/fleet-run.ts'
import { chosenHosts } from '../../../../../runtime/cli/fleet/choose.ts'

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
  { host: 'web1', state: 'good', labels: ['web'] },
  { host: 'web2', state: 'failing', labels: ['web', 'old'] },
  { host: 'gone', state: 'revoked', labels: ['web'] },
  { host: 'db1', state: 'waiting', labels: [] },
] as unknown as HostInFleet[]

const chosen = (names: string[], choice: Parameters<typeof chosenHosts>[1] = {}) =>
  chosenHosts(names, choice, fleet).map(({ host }) => host)

test('chosenHosts() are those that are named, have the label, or all that have rights, each once', () => {
  expect(chosen(['db1', 'web1', 'db1'])).toEqual(['db1', 'web1'])
  expect(chosen([], { label: 'web' })).toEqual(['web1', 'web2'])
  expect(chosen([], { all: true })).toEqual(['web1', 'web2', 'db1'])
})

test.each([
  ['nobody is named', [], {}, 'name hosts, or a label, or all'],
  ['two ways at once', ['web1'], { label: 'web' }, 'name hosts, or a label, or all'],
  ['a host is not known', ['web9'], {}, 'there is no host web9'],
  ['a label is not known', [], { label: 'wab' }, 'no host has the label wab'],
  ['a host has no rights', ['gone'], {}, 'gone has no rights any more'],
] as const)('chosenHosts() asks nobody where %s', (_, names, choice, message) => {
  expect(() => chosen([...names], choice)).toThrow(message)
})
