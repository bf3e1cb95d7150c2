import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { backupStart, deadLettered, defineEvent } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { follow } from '../../runtime/cli/commands/run.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { isFull, Reserve } from '../../runtime/core/bus/sqlite/reserve.ts'
import { TerminalError } from '../../runtime/errors.ts'
import { Bench } from '../unit/runtime/backup/bench.ts'
import { makeServer, printed } from '../unit/runtime/cli/night.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { open } from './open-sqlite.ts'
import { event } from './publication.ts'
import { smallDisk, takeRoom } from './small-disk.ts'

const data = z.strictObject({})
const begin = defineEvent('chain.begin', data)
const fill = defineEvent('chain.fill', data)
const never = defineEvent('chain.never', data)
const tidy = defineEvent('chain.tidy', data)
const tidied = defineEvent('chain.tidied', data, { external: true })

describe('a chain that fills its disk', () => {
  /** A chain on a small disk of its own; its second step takes all the room that there is left. */
  function chain(disk: string) {
    // The bench makes its folder where temporary folders are made.
    vi.stubEnv('TMPDIR', disk)
    const released: boolean[] = []
    const functions = {
      begin: defineFunction({ on: begin, emits: [fill], run: (_, { emit }) => emit(fill, {}) }),
      fill: defineFunction({
        on: fill,
        emits: [never],
        run(_, { emit }) {
          takeRoom(disk)
          emit(never, {})
        },
      }),
      never: defineFunction({
        on: never,
        emits: [tidy],
        run: () => expect.unreachable(),
        giveUp: (_, { emit }) => emit(tidy, {}),
      }),
      tidy: defineFunction({
        on: tidy,
        emits: [tidied],
        always: true,
        run: (_, { emit }) => emit(tidied, {}),
      }),
    }
    const bench: Bench = new Bench(functions, {
      relieve(error) {
        released.push(isFull(error) && new Reserve(bench.directory).release())
        void bench.dispatcher.endRun('run1', new TerminalError('the disk is full')).catch(() => {})
        return released.at(-1) === true
      },
    })
    vi.unstubAllEnvs()
    return { bench, released }
  }

  test('is ended in order with the room that was held back, which is given once', async (context) => {
    const { bench, released } = chain(smallDisk(context, 4096))
    new Reserve(bench.directory).fill()
    bench.start()
    await bench.emit(begin, {})
    await bench.idle()
    expect(released).toEqual([true])
    expect(bench.failure).toBeUndefined()
    expect(bench.types()).toEqual([begin, fill, never, tidy, deadLettered, tidied].map(({ type }) => type))
    expect(bench.told.map(({ type }) => type)).toEqual(bench.types())
    expect(bench.deliveries('fill')).toMatchObject([{ state: 'done', attempts: [{ number: 1 }] }])
    expect(bench.deliveries('never')).toMatchObject([
      { state: 'dead', attempts: [{ number: 1, error: 'the disk is full' }] },
    ])
    expect(bench.deliveries('tidy')).toMatchObject([{ state: 'done' }])
    expect(bench.bus.open()).toEqual([])
  })

  test('stops where nothing was held back, with all on record that was acknowledged', async (context) => {
    const { bench, released } = chain(smallDisk(context, 1024))
    bench.start()
    await bench.emit(begin, {})
    await bench.idle()
    expect(released).toEqual([false])
    expect(bench.failure).toSatisfy(isFull)
    expect(bench.types()).toEqual([begin, fill].map(({ type }) => type))
    expect(bench.bus.open()).toMatchObject([{ function: 'fill', state: 'claimed', tries: 1 }])
  })
})

describe('hdsync run', () => {
  /** A server whose state lies on a small disk, and whose hook notes what it is told of. */
  async function server(disk: string) {
    const folder = temporaryFolder()
    const notes = join(folder, 'notes')
    const hook = join(folder, 'hook')
    writeFileSync(hook, `#!/bin/sh\necho "$HDSYNC_EVENT" >> ${notes}\n`)
    chmodSync(hook, 0o700)
    const { config } = await makeServer(`notify:\n  - { exec: [${hook}] }\n`)
    const text = readFileSync(config, 'utf8').replace(/^state: .*$/m, `state: ${disk}/state`)
    writeFileSync(config, text)
    const told = () => (existsSync(notes) ? readFileSync(notes, 'utf8').split('\n') : [])
    return { config: await loadConfig({ path: config, env: {} }), told }
  }

  test.for([
    ['has become full since the last run, without room held back', { left: 0, unreserved: true }],
    ['has room for hardly anything', { left: 48 * 1024 }],
    ['has become full while the last run was interrupted', { left: 0, interrupted: true }],
    ['has hardly any room since the last run was interrupted', { left: 48 * 1024, interrupted: true }],
  ] as const)('whose state disk %s tells the hooks that it failed', async ([, how], context) => {
    const disk = smallDisk(context, 8192)
    const { config, told } = await server(disk)
    expect(await follow(config, { quiet: true }, printed(), { data: {} })).toBe(0)
    expect(told()).toContain('run.succeeded')
    if ('interrupted' in how) await interrupt(config.state)
    if ('unreserved' in how) rmSync(join(config.state, 'reserve'))
    takeRoom(disk, how.left)
    const io = printed()
    const ended = await follow(config, { quiet: true }, io, { data: {} }).catch(
      (error: Error) => error.message,
    )
    // Where not even the store can be opened, there is no run that could fail.
    const failure = told().find((type) => ['run.failed', 'unit.failed'].includes(type))
    expect(failure, `${ended} ${io.err}`).toBeDefined()
  })

  test('whose state disk has become full since the last run goes on with the room that is held back', async (context) => {
    const disk = smallDisk(context, 8192)
    const { config } = await server(disk)
    expect(await follow(config, { quiet: true }, printed(), { data: {} })).toBe(0)
    takeRoom(disk, 0)
    const io = printed()
    expect(await follow(config, { quiet: true }, io, { data: {} }), io.err).toBe(0)
  })

  test('whose state disk is filled in the middle is ended, and tells the hooks that it failed', async (context) => {
    const disk = smallDisk(context, 8192)
    const { config, told } = await server(disk)
    writeFileSync(join(config.functions, 'fill.ts'), filler(disk))
    const io = printed()
    expect(await follow(config, { quiet: true }, io, { data: {} }), io.err).toBe(1)
    expect(io.err).toContain(`the disk of ${config.state} is full: the run is ended`)
    expect(told()).toContain('run.failed')
    expect(existsSync(join(config.state, 'reserve'))).toBe(false)
  })

  /** A function of the user's that takes all the room on the disk as soon as a run has begun. */
  function filler(disk: string): string {
    const root = join(import.meta.dirname, '../..')
    return `
      import { statfsSync, writeFileSync } from 'node:fs'
      import { runStarted } from '${root}/events/index.ts'
      import { defineFunction } from '${root}/runtime/backup/function.ts'

      export default defineFunction({
        on: runStarted,
        emits: [],
        run() {
          const { bavail, bsize } = statfsSync('${disk}')
          writeFileSync('${disk}/ballast', Buffer.alloc(bavail * bsize, 1))
        },
      })`
  }

  /** Leaves what a run leaves whose process is killed. */
  async function interrupt(state: string): Promise<void> {
    const bus = open(state)
    const deliveries = [{ function: backupStart.type, runAt: 0 }]
    await bus.publish([{ event: event('killed', { type: backupStart.type, runid: 'killed' }), deliveries }])
    await bus.exchange({ now: 1, renew: [], settle: [], claim: 1, leaseMs: 1000 })
    bus.close()
  }
})
