import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { main } from '../../../../../runtime/cli/program.ts'
import { openJournal } from '../../../../../runtime/cli/store.ts'
import { weekdayOf } from '../../../../../runtime/weekday.ts'
import { program } from '../../../program.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function hdsync(server: Server | undefined, ...words: string[]) {
  const io = printed()
  const config = server ? ['--config', server.config] : []
  const exitCode = await main(['node', 'hdsync', ...words, ...config], '0.0.0', io)
  return { exitCode, out: io.out, err: io.err }
}

const odd = Buffer.concat([Buffer.from('odd'), Buffer.from([0xff, 0x0a])])

async function made(): Promise<Server> {
  const server = await makeServer('archive: { target: disk }\n')
  mkdirSync(join(server.folder, 'home/mail/deep'), { recursive: true })
  writeFileSync(join(server.folder, 'home/mail/ann'), 'first\n')
  writeFileSync(Buffer.concat([Buffer.from(`${server.folder}/home/mail/`), odd]), 'odd')
  symlinkSync('/etc', join(server.folder, 'home/mail/etc'))
  await backUp(server)
  writeFileSync(join(server.folder, 'home/mail/ann'), 'second, longer\n')
  await backUp(server)
  return server
}

test('backups, ls, cat and find tell what was there', async () => {
  const server = await made()
  const disk = join(server.folder, 'disk')
  const { out } = await hdsync(server, 'backups', 'home', '--json')
  const points = JSON.parse(out)
  expect(points).toMatchObject([
    { id: 'home@latest', source: 'home', kind: 'mirror', target: 'disk', path: join(disk, 'home'), files: 7 },
    {
      kind: 'weekday',
      path: join(disk, weekdayOf(Date.now()), 'home.tar.zst'),
      provenAt: expect.any(String),
    },
  ])
  // Its archive is of the moment in which the mirror was read.
  expect(points[1].at).toBe(points[0].at)
  const table = await hdsync(server, 'backups')
  expect(table.out).toMatch(/^ID +WHEN +KIND +FILES +SIZE +ON +PROVEN\nhome@latest .*mirror/)

  for (const at of ['latest', points[1].id, weekdayOf(Date.now())]) {
    const place = join(server.folder, 'home/mail')
    expect(await hdsync(server, 'ls', place, '--at', at)).toMatchObject({ exitCode: 0, err: '' })
    const lines = (await hdsync(server, 'ls', 'home:mail', '--at', at)).out.split('\n').filter(Boolean).sort()
    expect(lines).toEqual(['ann', 'deep/', 'etc', 'odd\\xff\\u{a}'])
    const recursive = (await hdsync(server, 'ls', '-R', 'home', '--at', at)).out.split('\n')
    expect(recursive).toContain('mail/ann')
    const long = (await hdsync(server, 'ls', '-l', 'home:mail/ann', '--at', at)).out
    expect(long).toMatch(/^-rw-r--r-- +\d+ +\d+ +15 +\d{4}-\d\d-\d\d \d\d:\d\d +ann\n$/)
    const json = JSON.parse((await hdsync(server, 'ls', 'home:mail', '--at', at, '--json')).out)
    const named = json.entries.find(({ pathBase64 }: { pathBase64?: string }) => pathBase64)
    expect(Buffer.from(named.pathBase64, 'base64')).toEqual(Buffer.concat([Buffer.from('mail/'), odd]))
    expect(json.entries.find(({ path }: { path: string }) => path === 'mail/etc')).toMatchObject({
      type: 'symlink',
      linkTo: '/etc',
    })
    const read = spawnSync(program, ['cat', 'home:mail/ann', '--at', at, '--config', server.config])
    expect(`${read.stdout}${read.stderr}`).toBe('second, longer\n')
  }

  expect((await hdsync(server, 'find', 'an?', 'home', '--all')).out).toMatch(
    /^home:mail\/ann {2}15 B {2}.* {2}home@latest and 1 more\n$/,
  )
  expect(JSON.parse((await hdsync(server, 'find', 'mail/*', '--json')).out)).toHaveLength(4)
  expect(await hdsync(server, 'find', 'nothing')).toEqual({ exitCode: 1, out: '', err: '' })
  expect(await hdsync(server, 'ls', 'home:nothing')).toMatchObject({ exitCode: 2, out: '' })
  expect((await hdsync(server, 'cat', 'home:mail')).err).toContain('no regular file')
  expect((await hdsync(server, 'ls', 'home', '--at', '2001-01-01')).err).toContain('there is home@latest (')
})

test('a folder of backups is read without a config or a store, also by names of any bytes', async () => {
  const server = await made()
  const disk = join(server.folder, 'disk')
  const io = printed()
  io.env = { HDSYNC_CONFIG: '/nowhere' }
  expect(await main(['node', 'hdsync', '--disk', disk, 'backups', '--json'], '0.0.0', io)).toBe(0)
  expect(JSON.parse(io.out).map(({ id }: { id: string }) => id)).toContain('www@latest')
  const after = await hdsync(undefined, 'ls', 'home:mail/ann', '--disk', disk, '--at', weekdayOf(Date.now()))
  expect(after).toEqual({ exitCode: 0, out: 'ann\n', err: '' })
  const line = `exec "$0" --disk "$1" cat "$(printf 'home:mail/odd\\377\\nx')"`
  const renamed = Buffer.concat([
    Buffer.from(`${disk}/home/mail/odd`),
    Buffer.from([0xff, 0x0a]),
    Buffer.from('x'),
  ])
  writeFileSync(renamed, 'any bytes')
  const read = spawnSync('sh', ['-c', line, program, disk], {
    env: { ...process.env, HDSYNC_CONFIG: '/nowhere' },
  })
  expect(`${read.stdout}${read.stderr}`).toBe('any bytes')
  expect((await hdsync(undefined, 'backups', '--disk', join(server.folder, 'home'))).err).toContain(
    'no backups of hdsync',
  )
  expect((await hdsync(undefined, '--disk', disk, 'runs')).err).toContain('runs takes no --disk')
})

test('of a disk that is not mounted the record tells, and the disk is asked for', async () => {
  const server = await made()
  const before = JSON.parse((await hdsync(server, 'backups', '--json')).out)
  rmSync(join(server.folder, 'disk'), { recursive: true })
  const { exitCode, out, err } = await hdsync(server, 'backups', '--json')
  expect(exitCode).toBe(0)
  // The disk notes that an archive is proven a moment after the record does.
  const told = (points: { provenAt?: string }[]) =>
    points.map(({ provenAt, ...point }) => ({ ...point, proven: provenAt !== undefined }))
  expect(told(JSON.parse(out))).toEqual(told(before))
  expect(err).toContain('the disk of target disk cannot be looked at')
  // Of the mirror the copy of the catalogue tells, as the archive of that night is like it.
  expect(await hdsync(server, 'ls', 'home:mail/ann')).toEqual({ exitCode: 0, out: 'ann\n', err: '' })
  expect(await hdsync(server, 'cat', 'home:mail/ann')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('cannot be read: it is not mounted'),
  })
  rmSync(join(server.folder, 'state/catalogues'), { recursive: true })
  expect(await hdsync(server, 'ls', 'home')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('cannot be read: it is not mounted'),
  })
})

test('looking and restoring need no record', async () => {
  const server = await made()
  const store = new DatabaseSync(join(server.folder, 'state/hdsync.db'))
  store.exec('PRAGMA user_version = 1')
  store.close()
  const looked = await hdsync(server, 'ls', 'home:mail/ann')
  expect(looked).toMatchObject({ exitCode: 0, out: 'ann\n' })
  expect(looked.err).toContain('was made by an older hdsync')
  writeFileSync(
    join(server.folder, 'state/hdsync.db'),
    'no database at all, but long enough to be one'.repeat(99),
  )
  expect(await hdsync(server, 'cat', 'home:mail')).toMatchObject({ exitCode: 1 })
  const to = join(server.folder, 'back')
  // What was refused gives the disks back: the next one does not wait for it.
  expect((await hdsync(server, 'restore', 'home', '--in-place', '--yes')).err).toContain('--to FOLDER')
  expect((await hdsync(server, 'restore', 'home', '--to', to, '--dry-run')).out).toContain('create   mail/')
})

test('looking works while a run is going on', async () => {
  const server = await made()
  const { openEngine } = await import('../../../../../runtime/backup/open-engine.ts')
  const { loadConfig } = await import('../../../../../runtime/config/load.ts')
  const engine = await openEngine({ config: await loadConfig({ path: server.config, env: {} }) })
  try {
    expect((await hdsync(server, 'ls', 'home:mail/ann')).out).toBe('ann\n')
  } finally {
    await engine?.stop()
  }
  openJournal({ state: join(server.folder, 'state') })?.close()
})
