import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { backupStart, catalogue, deadLettered, type Envelope } from '../../../../../events/index.ts'
import type { Engine } from '../../../../../runtime/backup/engine.ts'
import { defineFunction } from '../../../../../runtime/backup/function.ts'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { deadCommand } from '../../../../../runtime/cli/commands/dead.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { heldBack } from '../../../../../runtime/core/bus/bus.ts'
import type { DeadLetter } from '../../../../../runtime/core/bus/journal.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { rootPublication } from '../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../runtime/core/registry/registry.ts'
import { UsageError } from '../../../../../runtime/errors.ts'
import { backUp, makeServer, printed, type Server } from '../../cli/night.ts'
import { Bench } from '../bench.ts'
import { done, work } from '../events.ts'

/** An engine at work, and what it told of. */
async function atWork({ config }: Server): Promise<Engine & { told: Envelope[] }> {
  const told: Envelope[] = []
  const observer = { onEvent: (event: Envelope) => void told.push(event) }
  const engine = await openEngine({ config: await loadConfig({ path: config, env: {} }), observer })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop().catch(() => {}))
  await engine.start()
  return Object.assign(engine, { told })
}

/** Leaves a run behind that was asked for when the config had other sources. */
async function leaveStart({ folder }: Server, sources: string[]): Promise<void> {
  const state = join(folder, 'state')
  const bus = new SqliteBus(openDatabase(state), state)
  const { event } = rootPublication(createRegistry([], catalogue), backupStart, { sources }, { now: 0 })
  await bus.publish([{ event, deliveries: [{ function: backupStart.type, runAt: heldBack }] }])
  bus.close()
}

/** Waits for a dead letter. */
async function letterOf(engine: Engine): Promise<DeadLetter> {
  for (;;) {
    const [letter] = engine.journal.dead()
    if (letter) return letter
    await engine.dispatcher.idle()
  }
}

test('a redriven delivery that emits again is heard again; a replay of it is not', async () => {
  let good = false
  const bench = new Bench({
    'test.work': defineFunction({
      on: work,
      emits: [done],
      retry: { limit: 1 },
      run(_received, { emit }) {
        if (!good) throw new Error('not yet')
        emit(done, {})
      },
      giveUp: (_received, { emit }) => emit(done, {}),
    }),
  }).start()
  await bench.emit(work, {})
  await bench.idle()
  const types = () => bench.types().filter((type) => type !== deadLettered.type)
  expect(types()).toEqual(['test.work', 'test.done'])

  for (const round of [1, 2]) {
    const [letter] = bench.journal.dead()
    expect(letter).toMatchObject({ function: 'test.work', tries: round, error: 'not yet' })
    good = round === 2
    await bench.bus.redrive(letter?.id ?? 0)
    bench.dispatcher.wake()
    await bench.idle()
    expect(types()).toEqual(['test.work', ...Array(round + 1).fill('test.done')])
  }
  expect(bench.journal.dead()).toEqual([])
})

test('redrive() of a hook tries it again, in the run that it is about', async () => {
  const server = await makeServer()
  const hook = join(server.folder, 'hook')
  writeFileSync(hook, `#!/bin/sh\necho "$HDSYNC_RUN" >> ${server.folder}/heard\nexit 1\n`, { mode: 0o755 })
  writeFileSync(server.config, `notify: [{ exec: [${hook}], on: [run.succeeded] }]\n`, { flag: 'a' })
  chmodSync(hook, 0o644)
  const run = await backUp(server)
  const engine = await atWork(server)
  // The pauses between its tries are not waited for.
  while (engine.journal.dead().length === 0) {
    await engine.bus.expedite(run)
    engine.dispatcher.wake()
    await engine.dispatcher.idle()
  }
  chmodSync(hook, 0o755)
  writeFileSync(hook, `#!/bin/sh\necho "$HDSYNC_RUN" >> ${server.folder}/heard\n`)
  const [letter] = engine.journal.dead()
  expect(await engine.redrive(letter?.id ?? 0)).toEqual({ runId: run, restarted: false })
  await engine.dispatcher.idle()
  expect(readFileSync(join(server.folder, 'heard'), 'utf8')).toBe(`${run}\n`)
  expect(engine.journal.dead()).toEqual([])
  expect(engine.journal.runs(10)).toHaveLength(1)
})

test('redrive() of a step runs its source again, and takes what else of that source is dead with it', async () => {
  const server = await makeServer()
  const www = join(server.folder, 'www')
  rmSync(www, { recursive: true })
  const [first] = [await backUp(server), await backUp(server)]
  mkdirSync(www)
  writeFileSync(join(www, 'file'), 'www')
  const engine = await atWork(server)
  const letters = engine.journal.dead()
  expect(letters).toMatchObject([{ function: 'sync.run' }, { function: 'sync.run', event: { runid: first } }])

  const { runId, restarted } = await engine.redrive(letters[1]?.id ?? 0)
  expect(restarted).toBe(true)
  await engine.ended(runId)
  expect(engine.told[0]).toMatchObject({ type: backupStart.type, runid: runId, data: { sources: ['www'] } })
  expect(engine.journal.run(runId)?.end?.type).toBe('run.succeeded')
  expect(engine.journal.dead()).toEqual([])
  const replaced = engine.journal.story(first).events.flatMap(({ deliveries }) => deliveries)
  expect(replaced.filter(({ replacedBy }) => replacedBy === runId)).toMatchObject([{ function: 'sync.run' }])
})

test('redrive() of a run that could not begin asks for its sources again', async () => {
  const server = await makeServer()
  await leaveStart(server, ['gone'])
  const before = await atWork(server)
  await letterOf(before)
  await before.stop()
  mkdirSync(join(server.folder, 'gone'))
  writeFileSync(
    server.config,
    readFileSync(server.config, 'utf8').replace(
      '  home:',
      `  gone: { path: ${server.folder}/gone, target: disk }\n  home:`,
    ),
  )
  const engine = await atWork(server)
  const letter = await letterOf(engine)
  expect(letter).toMatchObject({ function: 'backup.start' })
  const { runId } = await engine.redrive(letter.id)
  await engine.ended(runId)
  expect(engine.journal.run(runId)?.end?.data).toMatchObject({
    sources: [{ source: 'gone', state: 'succeeded' }],
  })
})

test('redrive() refuses what is no dead letter, and one about a source that is gone', async () => {
  const server = await makeServer()
  await leaveStart(server, ['hom'])
  const engine = await atWork(server)
  const letter = await letterOf(engine)
  const refusal = (id: number) => engine.redrive(id).catch((error) => error)
  expect(await refusal(4711)).toMatchObject({ message: 'there is no dead letter 4711' })
  expect(await refusal(letter.id)).toMatchObject({
    message: `there is no source "hom" in ${server.config}`,
    hint: 'did you mean `home`?',
  })
  expect(await refusal(4711)).toBeInstanceOf(UsageError)
  expect(engine.journal.dead()).toHaveLength(1)
})

test('redrive() never runs a backup for a restore that failed: it names the command that goes on with it', async () => {
  const server = await makeServer()
  await backUp(server)
  const engine = await atWork(server)
  const root = join(server.folder, 'there')
  mkdirSync(root)
  await engine.ended(await engine.restore('home', { do: 'resume', root, id: 'cut-off' }))
  const [letter] = engine.journal.dead()
  expect(letter).toMatchObject({ function: 'restore.place' })
  expect(await engine.redrive(letter?.id ?? 0).catch((error) => error)).toMatchObject({
    message: `dead letter ${letter?.id} is a step of a restore, which is not redriven`,
    hint: 'hdsync restore --resume cut-off',
  })
  expect(engine.journal.runs(10)).toHaveLength(1)

  renameSync(join(server.folder, 'home'), join(server.folder, 'away'))
  await engine.ended((await engine.submit({ type: 'backup.start', data: { sources: ['home'] } })).runId)
  renameSync(join(server.folder, 'away'), join(server.folder, 'home'))
  const backup = engine.journal.dead().find((one) => one.function === 'sync.run')
  await engine.ended((await engine.redrive(backup?.id ?? 0)).runId)
  expect(engine.journal.dead()).toMatchObject([{ function: 'restore.place' }])

  const io = printed()
  await deadCommand({ config: server.config }, io)
  expect(io.out).toContain(`${letter?.id} is of a restore: hdsync restore --resume cut-off\n`)
  expect(io.out).not.toContain('hdsync redrive')

  // Going on with it settles the dead letter; here that fails again, and leaves another one.
  const run = await engine.restore('home', { do: 'resume', root, id: 'cut-off' })
  await engine.ended(run)
  expect(engine.journal.dead()).toMatchObject([{ event: { runid: run } }])
})
