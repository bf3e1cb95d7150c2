import { expect, onTestFinished, test } from 'vitest'
import { syncUnusual } from '../../../../../../events/index.ts'
import { Obeyer } from '../../../../../../runtime/backup/fleet/commands/obey.ts'
import { takePushed } from '../../../../../../runtime/backup/fleet/commands/take-pushed.ts'
import { openEngine } from '../../../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../../../runtime/config/load.ts'
import { factPublication } from '../../../../../../runtime/core/publication.ts'
import { fleetVersion } from '../../../../../../runtime/fleet-protocol.ts'
import { newCommandKey, publicHalf, signCommand } from '../../../../../../runtime/host/fleet/command-key.ts'
import { makeServer } from '../../../cli/night.ts'

const key = newCommandKey()
const who = { host: 'web1', ca: publicHalf(key) }

/** A host whose runs wait for their turn. */
async function makeHost(obeys = ['backup.start']) {
  const { config: path } = await makeServer()
  const config = await loadConfig({ path, env: {} })
  const engine = await openEngine({ config })
  if (!engine) throw new Error('the store is in use')
  onTestFinished(() => engine.stop())
  await engine.start()
  engine.hold()
  const notes: string[] = []
  const obeyer = new Obeyer(
    engine,
    { obeys, keepMs: config.keep },
    {
      note: (message) => notes.push(message),
      configure: (request) => void takePushed(request, config, Date.now()),
    },
  )
  return {
    engine,
    /** Asks as the hub does. */
    async ask(id: string, type = 'backup.start', request: unknown = {}) {
      const [issuedAt, expiresAt] = [0, 3_600_000].map((ms) => new Date(Date.now() + ms).toISOString())
      const text = JSON.stringify({ v: fleetVersion, host: 'web1', id, type, request, issuedAt, expiresAt })
      const signature = signCommand(text, key)
      obeyer.take(Buffer.from(JSON.stringify({ v: fleetVersion, text, signature })), who)
      await obeyer.settled()
    },
    /** What is no command, all at once. */
    async flood(count: number) {
      for (let n = 0; n < count; n++) obeyer.take(Buffer.alloc(64 * 1024), who)
      expect(notes.at(-1)).toContain('too much waits')
      await obeyer.settled()
    },
    obeyer,
    answers: () => engine.bus.events({ types: ['command.taken', 'command.refused'] }).map(({ data }) => data),
    starts: () => engine.bus.events({ types: ['backup.start', 'backup.joined'] }),
  }
}

test('Obeyer answers a command once, with the run that it has begun', async () => {
  const { ask, answers, starts } = await makeHost()
  for (const id of ['c1', 'c1']) await ask(id)
  const [start] = starts()
  expect(starts()).toHaveLength(1)
  expect(answers()).toEqual([{ command: 'c1', type: 'backup.start', run: start?.runid }])
})

test('Obeyer ends the run that a command has begun, and no run that somebody else has asked for', async () => {
  const { engine, ask, answers } = await makeHost()
  await ask('c1')
  await ask('c2', 'command.cancel', { command: 'c1', type: 'backup.start' })
  expect(engine.bus.events({ types: ['run.cancelled'] })).toHaveLength(1)
  const { runId } = await engine.submit({ type: 'backup.start' })
  // It is given the run that waits.
  await ask('c3')
  await ask('c4', 'command.cancel', { command: 'c3', type: 'backup.start' })
  expect(answers()).toMatchObject([
    { command: 'c1' },
    { command: 'c2', run: null },
    { command: 'c3', run: runId },
    { command: 'c4', reason: expect.stringContaining(`joined run ${runId}`) },
  ])
  expect(engine.journal.unended()).toEqual([runId])
})

test('Obeyer does not end a run that somebody else has joined since: it may be the night of a timer', async () => {
  const { engine, ask, answers } = await makeHost()
  await ask('c1')
  const { runId, joined } = await engine.submit({ type: 'backup.start' })
  expect(joined).toBe(true)
  await ask('c2', 'command.cancel', { command: 'c1', type: 'backup.start' })
  expect(answers()).toMatchObject([
    { command: 'c1', run: runId },
    { command: 'c2', reason: expect.stringContaining('somebody else has asked for') },
  ])
  expect(engine.journal.unended()).toEqual([runId])
})

test('Obeyer keeps no more waiting than fits into little memory, and goes on after that', async () => {
  const { flood, ask, answers } = await makeHost()
  await flood(1000)
  await ask('c1')
  expect(answers()).toMatchObject([{ command: 'c1', type: 'backup.start' }])
})

test('Obeyer obeys no more what another config does not name, and nothing that it adds', async () => {
  const { obeyer, ask, answers, starts } = await makeHost(['backup.start', 'verify.start'])
  obeyer.obeyOnly(['verify.start', 'drill.start'])
  await ask('c1')
  await ask('c2', 'drill.start')
  await ask('c3', 'verify.start')
  expect(answers()).toMatchObject([
    { command: 'c1', reason: expect.stringContaining('obeys verify.start, not backup.start') },
    { command: 'c2', reason: expect.stringContaining('not drill.start') },
    { command: 'c3', run: expect.any(String) },
  ])
  expect(starts()).toEqual([])
})

test('Obeyer sets what the hub sets where it obeys that, and says why not', async () => {
  const { ask, answers } = await makeHost(['config.set'])
  const set = [{ key: 'alert.after', value: '12h' }]
  await ask('c1', 'config.set', { number: 2, set })
  await ask('c2', 'config.set', { number: 1, set: [] })
  await ask('c3', 'config.set', { number: 3, set: [{ key: 'notify', value: '[]' }] })
  await ask('c4', 'command.cancel', { command: 'c1', type: 'config.set' })
  expect(answers()).toMatchObject([
    { command: 'c1', type: 'config.set', run: null },
    { command: 'c2', reason: expect.stringContaining('came after it') },
    { command: 'c3', reason: 'notify cannot be set from a hub' },
    { command: 'c4', reason: expect.stringContaining('answered already') },
  ])
  const other = await makeHost(['backup.start'])
  await other.ask('c1', 'config.set', { number: 2, set })
  expect(other.answers()).toMatchObject([{ reason: expect.stringContaining('not config.set') }])
})

test('Obeyer takes nothing unusual for meant that came after the hub had asked', async () => {
  const { engine, ask, answers } = await makeHost(['sync.meant'])
  const unusual = { source: 'home', changed: 90, files: 100, usual: 3 }
  const tell = (now: number) =>
    engine.fleet.publishWith(() => [factPublication(engine.registry, syncUnusual, unusual, now)])
  tell(Date.now() - 60_000)
  await ask('c1', 'sync.meant', { source: 'home', run: null })
  tell(Date.now() + 60_000)
  await ask('c2', 'sync.meant', { source: 'home', run: null })
  expect(answers()).toMatchObject([
    { command: 'c1', run: null },
    { command: 'c2', reason: expect.stringContaining('the hub has asked before') },
  ])
})

test('Obeyer does not do what was withdrawn before it came', async () => {
  const { ask, answers, starts } = await makeHost()
  await ask('c2', 'command.cancel', { command: 'c1', type: 'backup.start' })
  await ask('c1')
  expect(starts()).toEqual([])
  expect(answers()).toMatchObject([
    { command: 'c1', reason: 'the hub has withdrawn it' },
    { command: 'c2', run: null },
  ])
})

test.each([
  ['data that does not fit', 'backup.start', { sources: ['nowhere'] }, /nowhere/],
  ['a release by itself', 'backup.start', { releases: ['h'] }, /releases/],
  ['a release of no source', 'sync.meant', {}, /names no source/],
  ['a release of what is not held', 'sync.meant', { source: 'home', run: 'r' }, /nothing of home is held/],
  ['no release of anything unusual', 'sync.meant', { source: 'home', run: null }, /nothing of home is held/],
])('Obeyer refuses %s in words', async (_, type, request, reason) => {
  const { ask, answers, starts } = await makeHost(['backup.start', 'sync.meant'])
  await ask('c1', type, request)
  expect(starts()).toEqual([])
  expect(answers()).toMatchObject([{ command: 'c1', type, reason: expect.stringMatching(reason) }])
})
