import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../../../runtime/cli/program.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function hdsync(server: Server | undefined, ...words: string[]) {
  const io = printed()
  const config = server ? ['--config', server.config] : []
  const exitCode = await main(['node', 'hdsync', ...words, ...config], '0.0.0', io)
  return { exitCode, out: io.out, err: io.err }
}

/** One night, of which the archive is another weekday's by now, and another one. */
async function twoNights(): Promise<Server> {
  const server = await makeServer('archive: { target: disk }\n')
  const home = join(server.folder, 'home')
  mkdirSync(join(home, 'mail'))
  writeFileSync(join(home, 'mail', 'ann'), 'first\n')
  writeFileSync(join(home, 'mail', 'old'), 'will go\n')
  writeFileSync(join(home, 'mail', 'same'), 'stays\n')
  writeFileSync(join(home, 'mail', 'mode'), 'same contents\n')
  await backUp(server)
  const disk = join(server.folder, 'disk')
  const today = new Intl.DateTimeFormat('en', { weekday: 'long' }).format(new Date())
  mkdirSync(join(disk, 'kept', '2026-11-20'), { recursive: true, mode: 0o700 })
  renameSync(join(disk, today, 'home.tar.zst'), join(disk, 'kept', '2026-11-20', 'home.tar.zst'))
  writeFileSync(join(home, 'mail', 'ann'), 'second, longer\n')
  writeFileSync(join(home, 'mail', 'new'), 'new\n')
  rmSync(join(home, 'mail', 'old'))
  chmodSync(join(home, 'mail', 'mode'), 0o600)
  await backUp(server)
  return server
}

test('versions, diff and catalogue rebuild tell what has changed, with a catalogue and without', async () => {
  const server = await twoNights()
  const disk = join(server.folder, 'disk')
  let isKnown = true
  const expectTold = async (...where: string[]) => {
    const json = async (...words: string[]) => {
      const told = await hdsync(where.length > 0 ? undefined : server, ...words, '--json', ...where)
      expect(told.err).toMatch(isKnown ? /^$/ : /^hdsync: no catalogue knows home@.*\n$/)
      return JSON.parse(told.out)
    }
    const { versions } = await json('versions', 'home:mail/ann')
    expect(versions).toMatchObject([
      {
        sizeBytes: 15,
        mode: '0644',
        point: expect.stringMatching(/^home@(?!kept)/),
        modifiedAt: expect.stringMatching(/Z$/),
      },
      { sizeBytes: 6, mode: '0644', point: 'home@kept-2026-11-20' },
    ])
    expect(versions[0].from <= versions[0].to).toBe(true)
    expect((await json('versions', 'home:mail/same')).versions).toHaveLength(1)
    expect((await json('versions', 'home:mail/old')).versions).toMatchObject([
      { point: 'home@kept-2026-11-20' },
    ])
    const names = (all: { path: string; what?: string }[]) =>
      all.map(({ path, what = '' }) => path + what).sort()
    const { added, removed, changed } = await json('diff', 'home', '--from', 'home@kept-2026-11-20')
    expect([added, removed, changed].map(names)).toEqual([
      ['mail/new'],
      ['mail/old'],
      ['mail/anncontents', 'mail/modeattributes'],
    ])
  }
  await expectTold()
  await expectTold('--disk', disk)
  rmSync(join(disk, '.hdsync-catalogue'), { recursive: true })
  isKnown = false
  await expectTold()
  isKnown = true
  expect(await hdsync(server, 'catalogue', 'rebuild', 'home')).toMatchObject({
    exitCode: 0,
    out: 'home: 2 archives in the catalogue\n',
  })
  await expectTold('--disk', disk)

  const { out } = await hdsync(server, 'versions', 'home:mail/ann')
  expect(out).toMatch(/^FROM +TO +SIZE +MODIFIED +MODE\n/)
  expect(out).toContain(`hdsync restore home:mail/ann --at home@kept-2026-11-20 --config ${server.config}\n`)
  writeFileSync(join(server.folder, 'home', 'mail', 'live'), 'x')
  expect((await hdsync(server, 'diff', 'home:mail', '--from', 'latest', '--to', 'live')).out).toBe(
    '+ mail/live\n',
  )
  expect((await hdsync(server, 'diff', 'home', '--from', 'home@kept-2026-11-20')).out).toBe(
    'M mail/ann\nm mail/mode\n+ mail/new\n- mail/old\n',
  )
  expect(await hdsync(server, 'versions', 'home:nothing')).toMatchObject({ exitCode: 2, out: '' })
  expect(await hdsync(server, 'catalogue', 'rebuild', 'nobody')).toMatchObject({ exitCode: 2 })

  // By day, when the disk is not mounted.
  rmSync(join(disk, '.hdsync-target'))
  const absent = await hdsync(server, 'versions', 'home:mail/ann')
  expect(absent).toMatchObject({ exitCode: 0, err: '' })
  expect(absent.out).toContain('15 B')
})
