import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { deadCommand } from '../../../../../runtime/cli/commands/dead.ts'
import { type RedriveCommandOptions, redriveCommand } from '../../../../../runtime/cli/commands/redrive.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { systemClock } from '../../../../../runtime/core/clock.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function redriven({ config }: Server, id?: number, options: RedriveCommandOptions = {}) {
  const io = printed()
  const text = id === undefined ? undefined : String(id)
  const code = await redriveCommand(text, { config, json: true, ...options }, io)
  return { code, rows: JSON.parse(io.out), err: io.err }
}

async function letters({ config }: Server): Promise<{ id: number; function: string; source: string }[]> {
  const io = printed()
  await deadCommand({ config, json: true }, io)
  return JSON.parse(io.out)
}

/** A server whose source www was not there for some nights, and whose hook fails until `mend` is called. */
async function troubled(nights = 1) {
  const server = await makeServer()
  const heard = join(server.folder, 'heard')
  const hook = join(server.folder, 'hook')
  writeFileSync(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  writeFileSync(server.config, `notify: [{ exec: [${hook}], on: [run.failed] }]\n`, { flag: 'a' })
  rmSync(join(server.folder, 'www'), { recursive: true })
  for (let night = 0; night < nights; night++) await backUp(server)
  await useUpTries(server)
  const mend = () => {
    mkdirSync(join(server.folder, 'www'))
    writeFileSync(join(server.folder, 'www', 'file'), 'www')
    writeFileSync(hook, `#!/bin/sh\necho heard >> ${heard}\n`)
  }
  return { server, mend, heard: () => readFileSync(heard, 'utf8') }
}

/** Lets the hooks that wait to be tried again fail for good: two days later. */
async function useUpTries({ config }: Server): Promise<void> {
  const clock = { ...systemClock, now: () => Date.now() + 2 * 86_400_000 }
  const engine = await openEngine({ config: await loadConfig({ path: config, env: {} }), clock })
  if (!engine) throw new Error('another hdsync is at work')
  await engine.start()
  await engine.dispatcher.idle()
  expect(engine.bus.open()).toEqual([])
  await engine.stop()
}

describe('redrive', () => {
  test('runs a source again whose step was given up, and follows the run', async () => {
    const { server, mend } = await troubled()
    mend()
    const letter = (await letters(server)).find(({ source }) => source === 'www')
    const { code, rows, err } = await redriven(server, letter?.id)
    expect(code).toBe(0)
    expect(rows).toEqual([
      {
        id: letter?.id,
        function: 'sync.run',
        run: expect.any(String),
        restarted: true,
        state: 'succeeded',
        error: null,
      },
    ])
    expect(err).toContain(`dead letter ${letter?.id}: its own run cannot go on, so its source is run again`)
    expect(err).toMatch(/ www {3}mirror done/)
  })

  test('ends as the run does that it began', async () => {
    const { server } = await troubled()
    const letter = (await letters(server)).find(({ source }) => source === 'www')
    const { code, rows } = await redriven(server, letter?.id)
    expect(code).toBe(1)
    expect(rows).toMatchObject([{ state: 'failed', error: expect.stringContaining('it does not exist') }])
  })

  test('tells a hook again of what it has missed', async () => {
    const { server, mend, heard } = await troubled()
    mend()
    const letter = (await letters(server)).find(({ function: name }) => name === 'notify.exec')
    const { code, rows } = await redriven(server, letter?.id)
    expect(code).toBe(0)
    expect(rows).toMatchObject([{ id: letter?.id, restarted: false, state: 'done', error: null }])
    expect(heard()).toBe('heard\n')
  })

  test('takes up all there are, each source once', async () => {
    const { server, mend, heard } = await troubled(2)
    expect(await letters(server)).toHaveLength(4)
    mend()
    const { code, rows } = await redriven(server, undefined, { all: true })
    expect(code).toBe(0)
    expect(rows.map((row: { restarted: boolean }) => row.restarted).sort()).toEqual([false, false, true])
    expect(heard()).toBe('heard\nheard\n')
    expect(await letters(server)).toEqual([])
    expect(await redriven(server, undefined, { all: true })).toMatchObject({ code: 0, rows: [] })
  })

  test('refuses what is no dead letter', async () => {
    const { config } = await makeServer()
    const failure = (id: string | undefined, options = {}) =>
      redriveCommand(id, { config, ...options }, printed()).catch((error) => error.message)
    expect(await failure('7')).toBe('there is no dead letter 7')
    expect(await failure('www')).toBe('"www" is no dead letter: they have numbers')
    expect(await failure(undefined)).toBe('name a dead letter, or --all')
    expect(await failure('7', { all: true })).toBe('either a dead letter or --all, not both')
  })
})
