import { expect, onTestFinished, test } from 'vitest'
import { makeFleetStore } from '../../../../../../deploy/dev/fleet-store.ts'
import { givenCommands } from '../../../../../../runtime/backup/fleet/commands/given.ts'
import {
  afterTold,
  type CommandNotes,
  noNotes,
} from '../../../../../../runtime/backup/fleet/commands/notes.ts'
import { readState } from '../../../../../../runtime/backup/fleet/host-state.ts'
import { SqliteBus } from '../../../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { answerId, type ToldMessage } from '../../../../../../runtime/fleet-protocol.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

const now = Date.parse('2026-11-30T07:00:00.000Z')

type Told = ToldMessage['event']

const told = (type: string, run: string | null, data: object, id = 'e'): Told => ({
  ...{ id, type, run, data },
  time: '2026-11-29T00:00:00.000Z',
})
const taken = (command: string, run: string | null) =>
  told('command.taken', run, { command, type: 'backup.start', run }, answerId(command))
const ended = (run: string, state = 'failed') =>
  told(`run.${state}`, run, { run, state, sources: [{ source: 'home', state, error: 'no disk' }] })
const after = (...events: Told[]) => events.reduce<CommandNotes>(afterTold, noNotes).commands

const failed = { state: 'failed', run: 'r1', reason: 'home: no disk' }

test('an answer is noted, and the end of the run that it began, whichever is heard first', () => {
  expect(after(taken('c1', 'r1'))).toEqual({ c1: { state: 'taken', run: 'r1', reason: null } })
  expect(after(taken('c1', 'r1'), ended('r1'))).toEqual({ c1: failed })
  expect(after(ended('r1'), taken('c1', 'r1'))).toEqual({ c1: failed })
  // Two have asked for the same.
  expect(after(taken('c1', 'r1'), taken('c2', 'r1'), ended('r1'))).toEqual({ c1: failed, c2: failed })
  expect(after(taken('c1', null), taken('c2', 'r2'), ended('r1'))).toEqual({
    c1: { state: 'succeeded', run: null, reason: null },
    c2: { state: 'taken', run: 'r2', reason: null },
  })
})

test('the first answer to a command counts, and what comes under the id of another one is none', () => {
  const refused = { command: 'c1', type: 'backup.start', reason: 'x'.repeat(5000) }
  const refusal = told('command.refused', null, refused, answerId('c1'))
  expect(after(refusal, taken('c1', 'r1'))).toEqual({
    c1: { state: 'refused', run: null, reason: 'x'.repeat(1000) },
  })
  expect(after(taken('c1', 'r1'), refusal, ended('r1'), ended('r1', 'succeeded'))).toEqual({ c1: failed })
  expect(after({ ...taken('c1', 'r1'), id: answerId('c2') })).toEqual({})
})

test('so many are noted at most, the newest', () => {
  const many = Array.from({ length: 100 }, (_, n) => taken(`c${n}`, `r${n}`))
  const commands = Object.keys(after(...many))
  expect(commands).toHaveLength(32)
  expect(commands.at(-1)).toBe('c99')
})

test('commands stand as they do where nothing is noted: in a store of an older hdsync, or of more than are noted', () => {
  const folder = temporaryFolder()
  makeFleetStore({ folder, hosts: 50, nights: 7, asked: 6, now })
  const database = openDatabase(`${folder}/state`)
  onTestFinished(() => database.close())
  const bus = new SqliteBus(database, `${folder}/state`)
  const rows = new Inbox(database).hosts()
  const noted = givenCommands(bus, rows, now)
  const states = new Set(noted.map(({ state }) => state))
  expect([...states].sort()).toEqual(
    expect.arrayContaining(['failed', 'held', 'succeeded', 'taken', 'waiting']),
  )
  expect(rows.every(({ state }) => Object.keys(readState(state).asked.commands).length > 0)).toBe(true)
  const older = rows.map(({ host, state }) => ({ host, state: { ...(state as object), asked: undefined } }))
  expect(givenCommands(bus, older, now)).toEqual(noted)
  expect(readState(older[0]?.state).asked).toEqual(noNotes)
  const few = rows.map(({ host, state }) => {
    const { commands, last } = readState(state).asked
    const asked = { commands: Object.fromEntries(Object.entries(commands).slice(-2)), last }
    return { host, state: { ...(state as object), asked } }
  })
  expect(givenCommands(bus, few, now)).toEqual(noted)
})
