import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cancelCommand } from '../../../../../runtime/cli/commands/cancel.ts'
import { emitCommand } from '../../../../../runtime/cli/commands/emit.ts'
import { runsCommand } from '../../../../../runtime/cli/commands/runs.ts'
import { showCommand } from '../../../../../runtime/cli/commands/show.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'
import { hdsync, makeSlowServer, type Started, serve } from '../processes.ts'

/** A process that does a run which does not end by itself, and the run. */
async function runningProcess(server: Server): Promise<{ process: Started; run: string }> {
  const process = hdsync(server, 'run', '--json')
  for (;;) {
    const io = printed()
    await runsCommand({ config: server.config, limit: 1, json: true }, io)
    const [latest] = JSON.parse(io.out)
    if (latest?.state === 'running' && latest.sources.length > 0) return { process, run: latest.run }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function cancelled({ config }: Server, run: string) {
  const io = printed()
  expect(await cancelCommand(run, { config, json: true }, io)).toBe(0)
  return JSON.parse(io.out)
}

async function emit({ config }: Server): Promise<string> {
  const io = printed()
  await emitCommand('backup.start', { config }, io)
  return io.out.trim()
}

describe('cancel', () => {
  test('takes a run back that nobody has begun', async () => {
    const server = await makeServer()
    const run = await emit(server)
    expect(await cancelled(server, 'last')).toMatchObject({
      run,
      state: 'cancelled',
      sources: [
        { source: 'home', state: 'cancelled', error: 'cancelled by `hdsync cancel` before it began' },
        { source: 'www', state: 'cancelled' },
      ],
    })
    const after = await backUp(server)
    const io = printed()
    await runsCommand({ config: server.config, limit: 9, json: true }, io)
    expect(JSON.parse(io.out)).toMatchObject([
      { run: after, state: 'succeeded' },
      { run, state: 'cancelled' },
    ])
  })

  test('has the process that does a run end it in order, and waits for that', async () => {
    const server = await makeSlowServer()
    const { process, run } = await runningProcess(server)
    const result = await cancelled(server, run)
    expect(result).toMatchObject({ run, state: 'cancelled' })
    expect(result.sources[0].error).toContain('cancelled by `hdsync cancel`')
    expect((await process.ended).code).toBe(130)
  })

  test('takes a run back that waits behind another one, which goes on', async () => {
    const server = await makeSlowServer()
    const { process, run } = await runningProcess(server)
    const waiting = await emit(server)
    expect(await cancelled(server, waiting)).toMatchObject({ run: waiting, state: 'cancelled' })
    const io = printed()
    await runsCommand({ config: server.config, limit: 9, json: true }, io)
    expect(JSON.parse(io.out)).toMatchObject([{ run: waiting }, { run, state: 'running' }])
    process.child.kill('SIGKILL')
  })

  test('of a run that waits does not end with the one before it at Ctrl-C', async () => {
    const server = await makeSlowServer()
    const { process, run } = await runningProcess(server)
    const waiting = await emit(server)
    await cancelled(server, run)
    expect((await process.ended).code).toBe(130)
    const io = printed()
    await runsCommand({ config: server.config, limit: 9 }, io)
    expect(io.out).toMatch(new RegExp(`^${waiting} +waiting `, 'm'))
  })

  test('says what to do about a run that was interrupted, has ended, or is not known', async () => {
    const server = await makeSlowServer()
    const failure = (run: string) =>
      cancelCommand(run, { config: server.config }, printed()).catch((error) => error)
    expect(await failure('last')).toMatchObject({ message: expect.stringContaining('there is no run yet') })
    server.letGo()
    const ended = await backUp(server)
    expect(await failure(ended)).toMatchObject({ message: `run ${ended} has ended already (succeeded)` })
    server.hold()
    expect(await failure('nobody')).toMatchObject({ message: 'there is no run "nobody"' })
    const { process, run } = await runningProcess(server)
    process.child.kill('SIGKILL')
    await process.ended
    expect(await failure(run)).toMatchObject({
      message: `run ${run} was interrupted: nobody is at it`,
      hint: expect.stringContaining('the next `hdsync run`'),
    })
  })

  test.each([
    ['a key that there is none of', (config: string) => appendFileSync(config, 'nonsense: 1\n')],
    ['a syntax error', (config: string) => appendFileSync(config, 'notify: [{ exec: [/bin/true }\n')],
    [
      'no sources any more',
      (config: string) =>
        writeFileSync(config, readFileSync(config, 'utf8').replace(/^sources:[\s\S]*?(?=targets)/m, '')),
    ],
  ])('reaches the process that does a run although the config has got %s', async (_, spoil) => {
    const server = await makeSlowServer()
    const { process, run } = await runningProcess(server)
    spoil(server.config)
    const shown = printed()
    expect(await showCommand('last', { config: server.config, json: true }, shown)).toBe(0)
    expect(JSON.parse(shown.out)).toMatchObject({ run, state: 'running' })
    const io = printed()
    expect(await cancelCommand('last', { config: server.config, json: true }, io)).toBe(0)
    expect(JSON.parse(io.out)).toMatchObject({ run, state: 'cancelled' })
    expect(io.err).toContain(`hdsync: no backup can be made with this config:\n${server.config}`)
    expect(io.err).toContain(`goes by the event store in ${server.folder}/state, as far as it can be read\n`)
    expect((await process.ended).code).toBe(130)
  })

  test('reaches the daemon although the config has become wrong', async () => {
    const server = await makeSlowServer()
    await serve(server)
    const run = await emit(server)
    appendFileSync(server.config, 'nonsense: 1\n')
    expect(await cancelled(server, run)).toMatchObject({ run, state: 'cancelled' })
  })

  test('takes a run back that nobody has begun although the config has become wrong', async () => {
    const server = await makeServer()
    const run = await emit(server)
    appendFileSync(server.config, 'nonsense: 1\n')
    expect(await cancelled(server, run)).toMatchObject({
      run,
      state: 'cancelled',
      sources: [{ source: 'home', state: 'cancelled' }, { source: 'www' }],
    })
  })

  test('without a config, and where a wrong one has no store, tells what is wrong with it', async () => {
    const server = await makeServer()
    const failure = () => cancelCommand('last', { config: server.config }, printed()).catch((error) => error)
    appendFileSync(server.config, 'nonsense: 1\n')
    expect(await failure()).toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('nonsense'),
    })
    rmSync(server.config)
    expect(await failure()).toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('found none'),
    })
  })
})
