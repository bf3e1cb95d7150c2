import { spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { catalogue, type DataOf, sourceSynced } from '../../../../../events/index.ts'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { main } from '../../../../../runtime/cli/program.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { SqliteBus } from '../../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../../runtime/core/bus/sqlite/database.ts'
import { rootPublication } from '../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../runtime/core/registry/registry.ts'
import { UndoFolder } from '../../../../../runtime/host/restore/undo-folder.ts'
import { weekdayOf } from '../../../../../runtime/weekday.ts'
import { program } from '../../../program.ts'
import { backUp, makeServer, type Printed, printed, type Server } from '../night.ts'

const hdsync = (server: Server | undefined, ...words: string[]) => printing(printed(), server, ...words)

async function printing(io: Printed, server: Server | undefined, ...words: string[]) {
  const config = server ? ['--config', server.config] : []
  const exitCode = await main(['node', 'hdsync', ...words, ...config], '0.0.0', io)
  return { exitCode, out: io.out, err: io.err }
}

async function made(): Promise<Server> {
  const server = await makeServer('archive: { target: disk }\n')
  mkdirSync(join(server.folder, 'home/mail'))
  writeFileSync(join(server.folder, 'home/mail/ann'), 'good\n')
  writeFileSync(join(server.folder, 'home/mail/bob'), 'bob\n')
  await backUp(server)
  return server
}

const read = (server: Server, path: string) => readFileSync(join(server.folder, path), 'utf8')

test('a file comes back into a new folder, and is not brought there twice', async () => {
  const server = await made()
  const to = join(server.folder, 'new')
  for (const [at, folder] of [
    ['latest', `${to}1`],
    [weekdayOf(Date.now()), `${to}2`],
  ] as const) {
    const { exitCode, out } = await hdsync(
      server,
      'restore',
      'home:mail/ann',
      '--at',
      at,
      '--to',
      folder,
      '-q',
    )
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: `home restored in ${folder}\n` })
    expect(readFileSync(join(folder, 'mail/ann'), 'utf8')).toBe('good\n')
    expect(readdirSync(folder)).toEqual(['mail'])
    expect(readdirSync(join(folder, 'mail'))).toEqual(['ann'])
  }
  const again = await hdsync(server, 'restore', 'home:mail', '--to', `${to}1`)
  expect(again.exitCode).toBe(2)
  expect(again.err).toContain('if the plan above is as it should be: --yes')
  expect(again.out).toContain('create   mail/bob')
  const here = spawnSync(program, ['restore', 'home:mail/ann', '-q', '--config', server.config], {
    cwd: server.folder,
  })
  expect(`${here.stderr}`).toBe('')
  expect(read(server, `home-${new Date().toLocaleDateString('sv')}/mail/ann`)).toBe('good\n')
})

test('in place it is shown, agreed to, done as a run, and taken back', async () => {
  const server = await made()
  const live = join(server.folder, 'home')
  writeFileSync(join(live, 'mail/ann'), 'spoilt\n')
  rmSync(join(live, 'mail/bob'))
  writeFileSync(join(live, 'mail/new'), 'new\n')
  const place = join(live, 'mail')
  const shown = JSON.parse((await hdsync(server, 'restore', place, '--in-place', '--dry-run', '--json')).out)
  expect(shown).toMatchObject({ created: { entries: 1 }, replaced: { entries: 1 }, deleted: { entries: 0 } })
  expect(shown.actions).toContainEqual({ op: 'replace', path: 'mail/ann', type: 'file' })
  expect(read(server, 'home/mail/ann')).toBe('spoilt\n')
  expect((await hdsync(server, 'restore', place, '--in-place')).exitCode).toBe(2)
  const done = await hdsync(server, 'restore', place, '--in-place', '--yes', '--json')
  expect(done.exitCode).toBe(0)
  const { id, run } = JSON.parse(done.out)
  expect(id).toBe(run)
  expect(read(server, 'home/mail/ann')).toBe('good\n')
  expect(read(server, 'home/mail/bob')).toBe('bob\n')
  expect(read(server, 'home/mail/new')).toBe('new\n')
  const told = JSON.parse((await hdsync(server, 'show', run, '--json')).out)
  expect(told).toMatchObject({ run, kind: 'restore', state: 'succeeded' })
  // Its own keeping is not backed up.
  await backUp(server)
  expect(existsSync(join(live, '.hdsync-undo'))).toBe(true)
  expect(existsSync(join(server.folder, 'disk/home/.hdsync-undo'))).toBe(false)
  expect(await hdsync(server, 'restore', '--undo', 'last', '-q')).toMatchObject({ exitCode: 0 })
  expect(read(server, 'home/mail/ann')).toBe('spoilt\n')
  expect(existsSync(join(live, 'mail/bob'))).toBe(false)
  expect((await hdsync(server, 'restore', '--undo', id)).err).toContain('was taken back')
  expect((await hdsync(server, 'restore', '--undo', 'last', '-q')).exitCode).toBe(0)
  expect(read(server, 'home/mail/ann')).toBe('good\n')
})

test('deletion holds to the limit of the source, and is permitted by its number', async () => {
  const server = await made()
  const live = join(server.folder, 'home')
  for (let n = 0; n < 9; n += 1) writeFileSync(join(live, `more${n}`), '')
  const words = ['restore', 'home', '--in-place', '--delete', '--yes', '-q'] as const
  const held = await hdsync(server, ...words)
  expect(held.exitCode).toBe(5)
  expect(held.err).toContain('--allow-deletions 9')
  expect(existsSync(join(live, 'more1'))).toBe(true)
  expect((await hdsync(server, ...words, '--allow-deletions', '9')).exitCode).toBe(0)
  expect(readdirSync(live).sort()).toEqual(['.hdsync-undo', 'file', 'mail'])
})

test('nothing is restored into backups, nor into the state directory', async () => {
  const server = await made()
  for (const folder of ['disk/sub', 'disk', 'state/x']) {
    const { exitCode, err } = await hdsync(
      server,
      'restore',
      'home',
      '--to',
      join(server.folder, folder),
      '--yes',
    )
    expect({ exitCode, err }).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('nothing is restored into'),
    })
  }
})

test('in place is refused where something else is mounted than at the last sync; a folder that is named is not', async () => {
  const server = await made()
  const live = join(server.folder, 'home')
  rmSync(live, { recursive: true })
  mkdirSync(live)
  // As if the last sync had seen a disk there that is not mounted now.
  const state = join(server.folder, 'state')
  const bus = new SqliteBus(openDatabase(state), state)
  const [last] = bus.events({ types: [sourceSynced.type], subject: 'home', newestFirst: true, limit: 1 })
  const fileSystem = { id: 'UUID=1-2', type: 'ext4', at: live, inode: '2' }
  const data = { ...(last?.data as DataOf<typeof sourceSynced>), fileSystem }
  const now = Date.now() + 1000
  await bus.publish([rootPublication(createRegistry([], catalogue), sourceSynced, data, { now })])
  bus.close()
  const refused = await hdsync(server, 'restore', 'home', '--in-place', '--yes')
  expect(refused.exitCode).toBe(2)
  expect(refused.err).toContain(`lay on UUID=1-2 (ext4, mounted at ${live}) at its last sync`)
  expect(refused.err).toContain(`--to ${live}`)
  expect(readdirSync(live)).toEqual([])
  expect((await hdsync(server, 'restore', 'home', '--to', live, '-q')).exitCode).toBe(0)
  expect(read(server, 'home/mail/ann')).toBe('good\n')
})

test('a change after the plan was shown stops it', async () => {
  const server = await made()
  const config = await loadConfig({ path: server.config, env: {} })
  const engine = await openEngine({ config })
  try {
    await engine?.start()
    const root = join(server.folder, 'there')
    const request = {
      point: 'home@latest',
      paths: [''],
      root,
      isNew: true,
      deletes: false,
      exclude: [],
      owners: 'keep',
    }
    const run = await engine?.restore('home', {
      do: 'restore',
      ...request,
      owners: 'keep',
      hash: 'of another plan',
    })
    await engine?.ended(run ?? '')
    const failed = engine?.bus.events({ runId: run ?? '', types: ['restore.failed'] })[0]
    expect(failed?.data).toMatchObject({ reason: expect.stringContaining('something has changed') })
    expect(existsSync(root)).toBe(false)
    await expect(
      engine?.submit({ type: 'restore.start', data: { source: 'home', request } }),
    ).rejects.toThrow('may not be triggered')
  } finally {
    await engine?.stop()
  }
})

test('one that was cut off is said at the next start, and goes on', async () => {
  const server = await made()
  const live = join(server.folder, 'home')
  writeFileSync(join(live, 'mail/ann'), 'spoilt\n')
  const { id } = JSON.parse((await hdsync(server, 'restore', 'home', '--in-place', '--yes', '--json')).out)
  // As if it had been killed before its last step.
  {
    using undo = UndoFolder.open(live, id)
    undo.enter('placing')
  }
  const looked = await hdsync(server, 'run', '-q')
  expect(looked.err).toContain(`restore ${id} into ${live} was cut off`)
  expect((await hdsync(server, 'restore', '--resume', 'last', '-q')).exitCode).toBe(0)
  expect(UndoFolder.list(live)[0]?.stage).toBe('done')
})

test('a folder of backups is restored from without a config, also over what is there, and that is taken back', async () => {
  const server = await made()
  const disk = join(server.folder, 'disk')
  const to = join(server.folder, 'elsewhere')
  mkdirSync(join(to, 'mail'), { recursive: true })
  writeFileSync(join(to, 'mail/ann'), 'mine\n')
  const done = await hdsync(undefined, 'restore', 'home', '--disk', disk, '--to', to, '--yes')
  expect(done).toMatchObject({ exitCode: 0, err: '' })
  expect(read(server, 'elsewhere/mail/ann')).toBe('good\n')
  expect((await hdsync(undefined, 'restore', '--undo', 'last', '--disk', disk, '--to', to)).exitCode).toBe(0)
  expect(read(server, 'elsewhere/mail/ann')).toBe('mine\n')
  expect(existsSync(join(to, 'file'))).toBe(false)
  expect((await hdsync(undefined, 'restore', 'home', '--in-place', '--disk', disk)).err).toContain(
    '--to FOLDER',
  )
})

test.skipIf(process.getuid?.() !== 0)(
  'what a night records of names gives a restore its owners, with a config and from the disk alone',
  async () => {
    const server = await makeServer('archive: { target: disk }\n')
    chownSync(join(server.folder, 'home/file'), 7001, 7002)
    await backUp(server)
    const folder = join(server.folder, 'disk/.hdsync-owners/home')
    const [record = ''] = readdirSync(folder)
    expect(readFileSync(join(folder, record), 'utf8')).toMatch(/^user:daemon:1$/m)
    // As if the machine had had other numbers.
    writeFileSync(join(folder, record), 'user:daemon:7001\ngroup:strange:7002\n')
    const disk = ['--disk', join(server.folder, 'disk')]
    for (const [n, [by, ...where]] of [
      [server],
      [server, '--at', weekdayOf(Date.now())],
      [undefined, ...disk],
    ].entries()) {
      const to = join(server.folder, `to${n}`)
      const words = ['restore', 'home', '--to', to, '--owners', 'names', '-q', ...(where as string[])]
      const { exitCode, err } = await hdsync(by as Server | undefined, ...words)
      expect({ exitCode, err }).toEqual({
        exitCode: 0,
        err: 'hdsync: not on this machine, so that their numbers stay: group strange (7002)\n',
      })
      expect(statSync(join(to, 'file'))).toMatchObject({ uid: 1, gid: 7002 })
    }
    rmSync(folder, { recursive: true })
    expect(
      await hdsync(server, 'restore', 'home', '--to', `${server.folder}/no`, '--owners', 'names'),
    ).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('--owners keep brings back their numbers'),
    })
    expect(existsSync(`${server.folder}/no`)).toBe(false)
  },
)

test('a backup waits for a restore of another process, and a restore for a backup unless it is told not to', async () => {
  const server = await made()
  const config = await loadConfig({ path: server.config, env: {} })
  const to = join(server.folder, 'there')
  for (const begin of ['restore', 'backup'] as const) {
    const engine = await openEngine({ config })
    // Held: it does not begin before somebody else is at work.
    engine?.hold()
    const root = join(server.folder, 'never')
    const request = { do: 'resume' as const, root, id: 'none' }
    if (begin === 'restore') await engine?.restore('home', request)
    else await engine?.submit({ type: 'backup.start', data: {} })
    if (begin === 'backup') {
      const refused = await hdsync(server, 'restore', 'home', '--to', to, '--no-wait', '-q')
      expect(refused).toMatchObject({ exitCode: 4, out: '' })
    }
    const words = begin === 'restore' ? ['run', '-q'] : ['restore', 'home', '--to', to, '-q']
    const io = printed()
    const waiting = printing(io, server, ...words)
    await expect.poll(() => io.err).toContain('waits for')
    await engine?.stop()
    const { exitCode, err } = await waiting
    expect(err).toMatch(
      begin === 'restore'
        ? /waits for the restore that another hdsync is at/
        : /is at work .* waits for its end/,
    )
    expect(exitCode).toBe(0)
  }
  expect(readFileSync(join(to, 'mail/ann'), 'utf8')).toBe('good\n')
})
