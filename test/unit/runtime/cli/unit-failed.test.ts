import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { emitCommand } from '../../../../runtime/cli/commands/emit.ts'
import { runCommand } from '../../../../runtime/cli/commands/run.ts'
import { holdLock } from '../../../../runtime/core/bus/sqlite/database.ts'
import { backUp, makeServer, printed, type Server } from './night.ts'

interface Hooked extends Server {
  /** What each hook was told, as `HOOK EVENT`. */
  told(): string[]
  /** The last event that a hook was told. */
  event(): { data: { reason?: string; unit?: string } }
  env: Record<string, string>
}

const secret = 'https://hooks.example.org/services/T0/very-secret'

/** A server with one good night behind it: one hook hears what hooks hear by default, others less. */
async function makeHooked(prepare: (server: Server) => void = () => {}): Promise<Hooked> {
  const server = await makeServer()
  prepare(server)
  const [log, event, hook] = ['log', 'event', 'hook.sh'].map((name) => join(server.folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(hook, `#!/bin/sh\ncat >${event}.$1\necho "$1 $HDSYNC_EVENT" >>${log}\n`)
  chmodSync(hook, 0o755)
  appendFileSync(
    server.config,
    `notify:
  - { exec: [${hook}, usual] }
  - { exec: [${hook}, unit], on: [unit.failed] }
  - { exec: [${hook}, run], on: [run.failed] }
`,
  )
  const cache = join(server.folder, 'cache')
  mkdirSync(cache, { mode: 0o700 })
  const env = { NODE_COMPILE_CACHE: cache }
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '')
  const hooked = {
    ...server,
    env,
    told: () => read(log).split('\n').filter(Boolean).sort(),
    event: () => JSON.parse(read(`${event}.usual`)),
  }
  await outcome(run(hooked))
  rmSync(log)
  return hooked
}

const run = ({ config, env }: Hooked, more: Record<string, string> = {}, io = printed()) =>
  runCommand([], { config, quiet: true, patienceMs: 100 }, { ...io, env: { ...env, ...more } })

const onFailure = ({ config, env }: Hooked, more: Record<string, string> = {}) =>
  emitCommand(
    'unit.failed',
    { config, deliver: true, data: '{"unit":"hdsync-backup.service"}', handoverMs: 300 },
    { ...printed(), env: { ...env, ...more } },
  )

async function outcome(command: Promise<number>): Promise<number | string> {
  return command.catch((error: Error) => error.message)
}

/** Each hook once: who hears of failed runs alone is told of one. */
const once = ['run run.failed', 'unit unit.failed', 'usual unit.failed']

const state = ({ folder }: Server) => join(folder, 'state')
const database = (server: Server) => join(state(server), 'hdsync.db')

function dropStore(server: Server): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${database(server)}${end}`, { force: true })
}

/** What keeps a backup from beginning, and what is said of it. */
const causes: Record<string, [spoil: (server: Server) => void, reason: RegExp]> = {
  'a config with a mistake': [
    ({ config }) => appendFileSync(config, `nonsense: ${secret}\n`),
    /hdsync\.yaml:\d+:\d+: nonsense: expected /,
  ],
  'a config that is no YAML': [({ config }) => appendFileSync(config, '  - {[\n'), /hdsync\.yaml:/],
  'a config that is empty': [({ config }) => writeFileSync(config, ''), /hdsync\.yaml/],
  'a config that is gone': [({ config }) => rmSync(config), /hdsync\.yaml: expected a config file/],
  'a config that others can write': [
    ({ config }) => chmodSync(config, 0o666),
    /expected a file that only root can write/,
  ],
  'a store that is garbage': [
    (server) => {
      dropStore(server)
      writeFileSync(database(server), 'garbage '.repeat(4096))
    },
    /state/,
  ],
  'a store that is a directory': [
    (server) => {
      dropStore(server)
      mkdirSync(database(server))
    },
    /state/,
  ],
  'a state directory that is a file': [
    (server) => {
      rmSync(state(server), { recursive: true })
      writeFileSync(state(server), '')
    },
    /state/,
  ],
  'a lock that another process holds': [
    (server) => onTestFinished(holdLock(state(server)) as () => void),
    new RegExp(`process ${process.pid}`),
  ],
}

describe.each(Object.entries(causes))('%s', (name, [spoil, reason]) => {
  const isConfigOfRoot = name.includes('others can write') && process.getuid?.() !== 0

  test.skipIf(isConfigOfRoot)('is told by `hdsync run`, and not once more by its unit', async () => {
    const server = await makeHooked()
    spoil(server)
    expect(await outcome(run(server, { INVOCATION_ID: 'one' }))).not.toBe(0)
    expect(server.told()).toEqual(once)
    expect(await onFailure(server, { MONITOR_INVOCATION_ID: 'one' })).toBe(0)
    expect(server.told()).toEqual(once)
    expect(JSON.stringify(server.event())).not.toContain('very-secret')
    // Another night is told of again.
    await outcome(run(server, { INVOCATION_ID: 'two' }))
    expect(server.told()).toHaveLength(6)
  })

  test.skipIf(isConfigOfRoot)('is told by the unit, where hdsync could not', async () => {
    const server = await makeHooked()
    spoil(server)
    expect(await onFailure(server, { MONITOR_INVOCATION_ID: 'one' })).toBe(0)
    expect(server.told()).toEqual(once)
    expect(JSON.stringify(server.event())).toMatch(reason)
    // Another unit that fails by the same is not told of beside it.
    expect(await onFailure(server, { MONITOR_INVOCATION_ID: 'two' })).toBe(0)
    expect(server.told()).toEqual(once)
  })
})

const canMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

test.skipIf(!canMount)(
  'a full disk below the store is told, whatever room was held back for that',
  async () => {
    const server = await makeHooked((server) => {
      const disk = state(server)
      mkdirSync(disk)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8M,mode=700', 'hdsync-test', disk])
      onTestFinished(() => void execFileSync('umount', ['--lazy', disk]))
    })
    rmSync(join(state(server), 'reserve'))
    spawnSync('dd', ['if=/dev/zero', `of=${state(server)}/filled`, 'bs=4k'])
    expect(await outcome(run(server, { INVOCATION_ID: 'one' }))).not.toBe(0)
    const told = server.told().filter((line) => line.includes('failed'))
    expect(told.map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(['run', 'usual']))
    await onFailure(server, { MONITOR_INVOCATION_ID: 'one' })
    expect(server.told().filter((line) => /^usual \S+failed/.test(line))).toHaveLength(1)
    expect(server.told()).toContain('unit unit.failed')
  },
)

test('a run that failed is told once: by the unit only to those who did not hear of the run', async () => {
  const server = await makeHooked()
  rmSync(join(server.folder, 'home'), { recursive: true })
  expect(await run(server, { INVOCATION_ID: 'one' })).toBe(1)
  const ofRun = ['run run.failed', 'usual run.failed', 'usual run.started']
  expect(server.told()).toEqual(ofRun)
  expect(await onFailure(server, { MONITOR_INVOCATION_ID: 'one' })).toBe(0)
  expect(server.told()).toEqual([...ofRun, 'unit unit.failed'].sort())
  // A unit that was killed has told nobody.
  expect(await onFailure(server, { MONITOR_INVOCATION_ID: 'two' })).toBe(0)
  expect(server.told().filter((line) => line === 'usual unit.failed')).toHaveLength(1)
})

test('the last good config is kept for root alone, and not taken from anybody else', async () => {
  const server = await makeHooked()
  const kept = join(state(server), 'last-good-config.json')
  expect(statSync(kept).mode & 0o777).toBe(0o600)
  chmodSync(kept, 0o644)
  rmSync(server.config)
  expect(await outcome(run(server))).toMatch(/expected a config file, found none/)
  expect(server.told()).toEqual([])
})

test('what was asked for wrongly is told nobody', async () => {
  const server = await makeHooked()
  const wrong = runCommand(['hom'], { config: server.config }, { ...printed(), env: server.env })
  await expect(wrong).rejects.toThrow('there is no source "hom"')
  expect(server.told()).toEqual([])
})

test('a backup that is going on is the night: who finds it there tells nobody', async () => {
  const server = await makeHooked()
  await backUp(server)
  const { openEngine } = await import('../../../../runtime/backup/open-engine.ts')
  const { loadConfig } = await import('../../../../runtime/config/load.ts')
  const engine = await openEngine({ config: await loadConfig({ path: server.config, env: {} }) })
  onTestFinished(() => engine?.stop())
  await engine?.submit({ type: 'backup.start' })
  const io = printed()
  expect(await run(server, {}, io)).toBe(4)
  expect(server.told().filter((line) => line.includes('unit'))).toEqual([])
})
