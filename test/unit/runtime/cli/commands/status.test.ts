import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  catalogue,
  type EventDefinition,
  type InputOf,
  sourceArchived,
  sourceKept,
} from '../../../../../events/index.ts'
import { checkCommand } from '../../../../../runtime/cli/commands/check.ts'
import { forgetCommand } from '../../../../../runtime/cli/commands/forget.ts'
import { pruneCommand } from '../../../../../runtime/cli/commands/prune.ts'
import { statusCommand } from '../../../../../runtime/cli/commands/status.ts'
import { main } from '../../../../../runtime/cli/program.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { factPublication } from '../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../runtime/core/registry/registry.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

const archive = 'archive: { target: disk, keep: { weekly: 2, atLeast: 1 } }\n'

/** Does something with the store of a server on which no hdsync is at work. */
async function withBus<T>({ folder }: Server, work: (bus: SqliteBus) => Promise<T> | T): Promise<T> {
  const bus = new SqliteBus(openDatabase(join(folder, 'state')), join(folder, 'state'))
  try {
    return await work(bus)
  } finally {
    bus.close()
  }
}

function publish<E extends EventDefinition>(server: Server, event: E, data: InputOf<E>, at: number) {
  return withBus(server, (bus) =>
    bus.publish([factPublication(createRegistry([], catalogue), event, data, at)]),
  )
}

const eventsOf = (server: Server, { type }: EventDefinition) =>
  withBus(server, (bus) => bus.events({ types: [type] }).map(({ data }) => data))

async function status({ config }: Server, options = {}) {
  const io = printed()
  const code = await statusCommand({ config, ...options }, io)
  return { code, out: io.out }
}

describe('hdsync status', () => {
  test('tells of each source how old its backup is, what there is to go back to, and what it takes', async () => {
    const server = await makeServer(archive)
    expect((await status(server)).out).toMatch(/^2 sources, none is backed up yet; /)
    await backUp(server)
    const { code, out } = await status(server, { json: true })
    expect(code).toBe(0)
    const told = JSON.parse(out)
    expect(told).toMatchObject({
      state: 'succeeded',
      run: null,
      targets: [{ target: 'disk', mounted: true, perDayBytes: null }],
    })
    expect(told.sources.map(({ source }: { source: string }) => source).sort()).toEqual(['home', 'www'])
    expect(told.sources[0]).toMatchObject({
      state: 'succeeded',
      restorePoints: 2,
      problem: null,
      lastGoodAt: expect.any(String),
      provenAt: expect.any(String),
      archiveBytes: expect.any(Number),
    })
    expect(told.sources[0].ageSeconds).toBeLessThan(600)
    expect(told.targets[0].tiers.weekdays).toBeGreaterThan(0)
  })

  test('names the worst first, says why and what to type, and fits into 80 columns', async () => {
    const server = await makeServer(archive)
    await backUp(server)
    rmSync(join(server.folder, 'www'), { recursive: true })
    await backUp(server)
    const { code, out } = await status(server)
    expect(code).toBe(1)
    const lines = out.split('\n')
    expect(lines[0]).toBe('2 sources, 1 needs a look')
    expect(lines[3]).toMatch(/^now +www +failed +2 /)
    expect(lines[4]).toMatch(/^now +home +succeeded +2 /)
    expect(out).toMatch(/^www: failed: sync\.run: /m)
    expect(out).toContain('hdsync why www')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('is what `hdsync` alone prints where there is a config, and help is where there is none', async () => {
    const { config } = await makeServer(archive)
    const with_ = Object.assign(printed(), { env: { HDSYNC_CONFIG: config } })
    expect(await main(['node', 'hdsync'], '0', with_)).toBe(0)
    expect(with_.out).toMatch(/^2 sources, /)
    const without = Object.assign(printed(), { env: { HDSYNC_CONFIG: `${config}.none` } })
    expect(await main(['node', 'hdsync'], '0', without)).toBe(2)
    expect(without.out + without.err).toContain('Usage: hdsync')
  })
})

describe('hdsync prune', () => {
  const prune = async ({ config }: Server, options = {}) => {
    const io = printed()
    const code = await pruneCommand({ config, json: true, ...options }, io)
    return { code, ...JSON.parse(io.out) }
  }

  test('removes exactly what its dry run shows, and has it on record', async () => {
    const server = await makeServer('archive: { target: disk, daily: 1, keep: { weekly: 1, atLeast: 1 } }\n')
    const disk = join(server.folder, 'disk')
    // The night before, with which this one agrees on the time.
    const archived = { source: 'home', path: join(disk, 'Someday', 'home.tar.zst'), sizeBytes: 1 }
    mkdirSync(join(server.folder, 'state'), { mode: 0o700 })
    await publish(server, sourceArchived, archived, Date.now() - 86_400_000)
    await backUp(server)
    const nights = ['2001-01-07', '2001-01-14']
    for (const night of nights) {
      mkdirSync(join(disk, 'kept', night), { recursive: true })
      for (const source of ['home', 'www'])
        writeFileSync(join(disk, 'kept', night, `${source}.tar.zst`), 'of an older hdsync')
    }
    const homeOf = ({ sources }: { sources: { source: string }[] }) =>
      sources.find(({ source }) => source === 'home') as unknown as Record<
        'prune' | 'pruned',
        { path: string }[]
      >
    const shown = homeOf(await prune(server, { dryRun: true }))
    expect(shown.prune.map(({ path }) => path)).toEqual(
      nights.map((night) => join(disk, 'kept', night, 'home.tar.zst')),
    )
    expect(readdirSync(join(disk, 'kept')).sort()).toEqual(nights)
    const done = homeOf(await prune(server))
    expect(done.pruned).toEqual(shown.prune.map(({ path }) => path))
    // Those of the other source wait: it has had one night.
    for (const night of nights) expect(readdirSync(join(disk, 'kept', night))).toEqual(['www.tar.zst'])
    const told = await eventsOf(server, sourceKept)
    expect(told.at(-1)).toMatchObject({ source: 'home', pruned: done.pruned, kept: [] })
  })

  test('waits until two nights agree on the time, and says so', async () => {
    const server = await makeServer('archive: { target: disk, daily: 1, keep: { weekly: 1, atLeast: 1 } }\n')
    await backUp(server)
    const disk = join(server.folder, 'disk')
    const [today = ''] = readdirSync(disk).filter((name) => name.endsWith('day'))
    const old = join(disk, 'kept', '2001-01-07', 'home.tar.zst')
    mkdirSync(join(old, '..'), { recursive: true })
    writeFileSync(old, 'of an older hdsync')
    const shown = await prune(server, { dryRun: true })
    const home = ({ sources }: { sources: { source: string }[] }) =>
      sources.find(({ source }) => source === 'home')
    expect(home(shown)).toMatchObject({
      prune: [],
      pruned: [],
      waits: expect.stringMatching(/^the clock may have jumped/),
    })
    expect((await prune(server)).code).toBe(0)
    expect(existsSync(old)).toBe(true)
    expect(existsSync(join(disk, today, 'home.tar.zst'))).toBe(true)
    const io = printed()
    await pruneCommand({ config: server.config, dryRun: true }, io)
    expect(io.out).toMatch(/^home: 2 archives stay, nothing goes\nnothing is removed for now: /)
    const narrow = Object.assign(printed(), { width: 60 })
    await pruneCommand({ config: server.config, dryRun: true }, narrow)
    expect(narrow.out.replace(/\n {2}/g, ' ')).toContain(io.out.split('\n')[1])
    expect(narrow.out).not.toContain('…')
    expect(Math.max(...narrow.out.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(60)
  })

  test('has nothing to do where nothing is kept longer than a week', async () => {
    const io = printed()
    const { config } = await makeServer('archive: { target: disk }\n')
    expect(await pruneCommand({ config }, io)).toBe(0)
    expect(io.out).toMatch(/^nothing is pruned: /)
  })
})

describe('hdsync forget', () => {
  async function forget({ config }: Server, source: string, options = {}) {
    const io = printed()
    const code = await forgetCommand(source, { config, ...options }, io)
    return { code, out: io.out }
  }

  async function withoutWww() {
    const server = await makeServer(archive)
    await backUp(server)
    const disk = join(server.folder, 'disk')
    const [today = ''] = readdirSync(disk).filter((name) => name.endsWith('day'))
    mkdirSync(join(disk, 'kept', '2026-01-04'), { recursive: true })
    linkSync(join(disk, today, 'www.tar.zst'), join(disk, 'kept', '2026-01-04', 'www.tar.zst'))
    await expect(forget(server, 'www', { yes: true })).rejects.toThrow(
      'www is in the config, and is backed up to target disk',
    )
    const text = readFileSync(server.config, 'utf8')
    writeFileSync(server.config, text.replace(/^ {2}www:.*\n/m, ''), { mode: 0o600 })
    return { server, disk, today }
  }

  test('shows what is there, removes nothing without being told to, and then all of it and nothing else', async () => {
    const { server, disk, today } = await withoutWww()
    const { code, out } = await forget(server, 'www', { dryRun: true })
    expect(code).toBe(0)
    expect(out).toContain(`mirror    ${disk}/www: 1 entry, 3 B`)
    expect(out).toContain(`archive   ${disk}/kept/2026-01-04/www.tar.zst\n`)
    await expect(forget(server, 'www')).rejects.toThrow('nothing was removed')
    expect(statSync(join(disk, 'www', 'file')).isFile()).toBe(true)
    const checked = printed()
    await checkCommand({ config: server.config, json: true }, checked)
    expect(JSON.parse(checked.out).findings).toContainEqual(
      expect.objectContaining({
        id: 'target.forgotten',
        severity: 'warning',
        finding: expect.stringContaining('a mirror and 2 archives of www'),
      }),
    )
    expect((await forget(server, 'www', { yes: true })).out).toContain('www is forgotten')
    expect(readdirSync(disk).sort()).toEqual(
      expect.arrayContaining(['.hdsync-mirrors', '.hdsync-target', 'home', today].sort()),
    )
    expect(readdirSync(disk)).not.toContain('www')
    expect(readdirSync(join(disk, today))).toEqual(['home.tar.zst'])
    expect(readFileSync(join(disk, '.hdsync-mirrors'), 'utf8')).not.toContain('www')
    expect((await forget(server, 'www', { yes: true })).out).toBe('no target holds anything of www\n')
  })
})
