import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { catalogue } from '../../../../events/index.ts'
import { invokeCommand } from '../../../../runtime/cli/commands/functions-invoke.ts'
import { newFunctionCommand } from '../../../../runtime/cli/commands/functions-new.ts'
import { holdLock } from '../../../../runtime/core/bus/sqlite/database.ts'
import { UsageError } from '../../../../runtime/errors.ts'
import { isNightly } from '../../nightly.ts'
import { main } from '../../program.ts'
import { backUp, makeServer, printed, type Server } from './night.ts'

const root = join(import.meta.dirname, '../../../..')

interface Ended {
  code: number
  stdout: string
  stderr: string
}

/** A process of its own, as functions are loaded by the real loader of modules there. */
async function node(words: string[], cwd = root): Promise<Ended> {
  // The runner of tests marks its processes, and Node's own runner heeds that.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, words, { cwd, env })) }
  } catch (error) {
    return error as unknown as Ended
  }
}

const functions = ({ config }: Server, ...words: string[]) =>
  node([main, 'functions', ...words, '--config', config])

const own = ({ folder }: Server, file: string) => join(folder, 'functions', file)

/** What a command refuses to do, with its hint; in this process, which is quicker. */
async function refusal(command: Promise<number>): Promise<string> {
  const error = await command.catch((error: unknown) => error)
  if (!(error instanceof UsageError)) throw new Error(`not refused: ${error}`)
  return `${error.message}\n${error.hint}`
}

/** What is written differs by these: a gate before a snapshot or a copy, its end, a step, an end with much in it. */
const differing = ['snapshot.before', 'source.before', 'source.after', 'sync.run', 'run.failed']

describe('functions new', () => {
  test('writes a function, a test, and what editors need; hdsync takes it as it stands', async () => {
    const server = await makeServer()
    const { code, stdout } = await functions(server, 'new', 'tell-monitor', '--on', 'run.failed')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^wrote .*tell-monitor\.ts\nwrote .*tell-monitor\.test\.ts\n/)
    expect(stdout).toContain('  hdsync functions test tell-monitor\n')
    expect(readdirSync(join(server.folder, 'functions')).sort()).toEqual([
      'node_modules',
      'package.json',
      'tell-monitor.test.ts',
      'tell-monitor.ts',
      'tsconfig.json',
    ])
    const listed = JSON.parse((await functions(server, '--json')).stdout)
    expect(listed.at(-1)).toMatchObject({ name: 'tell-monitor', on: ['run.failed'], builtIn: false })
  })

  test('writes what compiles and whose test is good, in hdsync and on plain Node, whatever the event', async () => {
    const server = await makeServer()
    const folder = join(server.folder, 'functions')
    for (const type of isNightly ? catalogue.keys() : differing) {
      const wish = [`on-${type.replace('.', '-')}`, { on: type, dir: folder }, printed()] as const
      // Functions that are there are loaded, which is not what is tried here.
      expect(await newFunctionCommand(...wish)).toBe(0)
    }
    for (const file of readdirSync(join(root, 'deploy/examples/functions'))) {
      cpSync(join(root, 'deploy/examples/functions', file), join(folder, file))
    }
    const compiled = await node([join(root, 'node_modules/.bin/tsc'), '-p', '.'], folder)
    expect(compiled.stdout).toBe('')
    expect(compiled.code).toBe(0)
    const tested = await functions(server, 'test')
    expect(tested.stdout).toMatch(/✔ on-sync-run handles sync\.run/)
    expect(tested.stdout).toMatch(/fail 0/)
    expect(tested.code).toBe(0)
    const plain = await node(['--test', 'on-sync-run.test.ts', 'mysql-lock.test.ts'], folder)
    expect(plain.stdout).toMatch(/tests 4[\s\S]*fail 0/)
  })

  test('overwrites nothing', async () => {
    const server = await makeServer()
    const options = { on: 'run.failed', config: server.config }
    writeFileSync(own(server, 'lamp.test.ts'), 'mine')
    expect(await refusal(newFunctionCommand('lamp', options, printed()))).toContain(
      'lamp.test.ts is there already, and is not overwritten',
    )
    expect(existsSync(own(server, 'lamp.ts'))).toBe(false)
    expect(readFileSync(own(server, 'lamp.test.ts'), 'utf8')).toBe('mine')
    rmSync(own(server, 'lamp.test.ts'))
    expect(await newFunctionCommand('lamp', options, printed())).toBe(0)
    expect(await refusal(newFunctionCommand('lamp', options, printed()))).toContain(
      'there is a function lamp already',
    )
  })

  test('renews a link to an hdsync that has moved away', async () => {
    const server = await makeServer()
    const options = { on: 'run.failed', config: server.config }
    await newFunctionCommand('one', options, printed())
    const link = own(server, 'node_modules/hdsync')
    rmSync(link)
    symlinkSync('/nowhere', link)
    rmSync(own(server, 'one.ts'))
    await newFunctionCommand('two', options, printed())
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(existsSync(join(link, 'package.json'))).toBe(true)
  })

  test.each([
    ['an unknown event', 'lamp', 'snapshot.befor', 'did you mean `snapshot.before`?'],
    ['a name of one of ours', 'sync.run', 'sync.run', 'there is a function sync.run already'],
    ['a name that leads elsewhere', '../lamp', 'run.failed', 'cannot be the name of a function'],
  ])('refuses %s', async (_, name, on, message) => {
    const { config } = await makeServer()
    expect(await refusal(newFunctionCommand(name, { on, config }, printed()))).toContain(message)
  })
})

describe('functions test', () => {
  test('says when a test fails, and which there are', async () => {
    const server = await makeServer()
    writeFileSync(
      own(server, 'lamp.test.ts'),
      "import { test } from 'node:test'\ntest('burns', () => { throw new Error('broken') })\n",
    )
    const failed = await functions(server, 'test', 'lamp')
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining('broken')])
    const unknown = await functions(server, 'test', 'lam')
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('did you mean `lamp`?')])
    rmSync(own(server, 'lamp.test.ts'))
    expect((await functions(server, 'test')).stderr).toContain('there is no test in')
  })
})

describe('functions invoke', () => {
  const text = `
    import { defineFunction, runWarned, sourceSynced } from 'hdsync'
    export default defineFunction({
      on: sourceSynced,
      emits: [runWarned],
      aside: true,
      async run({ data }, { host, emit, log }) {
        await host.program({ argv: ['touch', process.env.LAMP ?? '/nowhere/lamp of mine'], timeoutMs: 60_000 })
        log.info('burns')
        emit(runWarned, { reason: data.source })
      },
    })`
  const data = '{"source":"www","filesTransferred":1,"bytesTransferred":2,"filesDeleted":0}'

  test('shows what a function would run and emit, and does nothing', async () => {
    const server = await makeServer()
    writeFileSync(own(server, 'lamp.ts'), text)
    const { code, stdout } = await functions(server, 'invoke', 'lamp', '--data', data)
    expect(stdout).toBe(
      `$ touch '/nowhere/lamp of mine'\ninfo: burns\nemits run.warned {"reason":"www"}\ndone\n`,
    )
    expect(code).toBe(0)
    expect(existsSync(join(server.folder, 'state'))).toBe(false)
    const json = await functions(server, 'invoke', 'lamp', '--data', data, '--json')
    expect(JSON.parse(json.stdout)).toEqual({
      function: 'lamp',
      event: 'source.synced',
      executed: false,
      outcome: 'done',
      error: null,
      emitted: [{ type: 'run.warned', attempt: 1, data: { reason: 'www' } }],
      started: [],
      steps: [{ argvs: [['touch', '/nowhere/lamp of mine']] }],
      log: [{ level: 'info', message: 'burns' }],
    })
  })

  test('takes an event that is on record, the last one or by its id', async () => {
    const server = await makeServer()
    await backUp(server)
    writeFileSync(own(server, 'lamp.ts'), text)
    expect((await functions(server, 'invoke', 'lamp', '--event', 'last')).stdout).toContain(
      '{"reason":"www"}',
    )
  })

  test('runs the commands when it is told to, as the only one at work', async () => {
    const server = await makeServer()
    writeFileSync(
      own(server, 'lamp.ts'),
      text.replace("process.env.LAMP ?? '/nowhere/lamp of mine'", `'${server.folder}/lamp'`),
    )
    const unlock = holdLock(join(server.folder, 'state'))
    const busy = await functions(server, 'invoke', 'lamp', '--data', data, '--execute')
    expect([busy.code, busy.stdout]).toEqual([4, ''])
    expect(busy.stderr).toMatch(/another hdsync \(process \d+\) is at work on .*: nothing was done/)
    unlock?.()
    const { code, stdout } = await functions(server, 'invoke', 'lamp', '--data', data, '--execute')
    expect([code, stdout.split('\n')[0]]).toEqual([0, `$ touch ${server.folder}/lamp`])
    expect(existsSync(join(server.folder, 'lamp'))).toBe(true)
  })

  test('tells that a function fails, with exit code 1', async () => {
    const server = await makeServer()
    writeFileSync(own(server, 'lamp.ts'), text)
    const { code, stdout } = await functions(server, 'invoke', 'lamp', '--data', data, '--execute')
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/failed: touch ended with exit code 1.*would be attempted again/),
    ])
  })

  test.each([
    ['an unknown function', 'lam', { data }, 'did you mean `lamp`?'],
    ['no event', 'lamp', {}, 'give its data with --data JSON, or a recorded one with --event ID'],
    ['what is not JSON', 'lamp', { data: '{source}' }, '--data is not JSON'],
    ['data that does not fit', 'lamp', { data: '{}' }, 'the data does not fit source.synced: source:'],
    ['another event', 'lamp', { on: 'run.failed', data: '{}' }, 'lamp does not handle "run.failed"'],
    ['one of several events', 'notify.route', { data: '{}' }, 'notify.route handles several events'],
    ['an event that is not on record', 'lamp', { event: 'x' }, 'no event "x" of those that lamp handles'],
  ])('refuses %s', async (_, name, options, message) => {
    const server = await makeServer()
    writeFileSync(own(server, 'lamp.ts'), text.replace('hdsync', join(root, 'runtime/hdsync.ts')))
    const refused = invokeCommand(name, { ...options, config: server.config }, printed())
    expect(await refusal(refused)).toContain(message)
  })
})
