import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../../../runtime/cli/program.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function hdsync({ config }: Server, ...words: string[]) {
  const io = printed()
  const exitCode = await main(['node', 'hdsync', ...words, '--config', config], '0.0.0', io)
  return { exitCode, out: io.out, err: io.err }
}

const json = async (server: Server, ...words: string[]) =>
  JSON.parse((await hdsync(server, ...words, '--json')).out)

const staleIn = async (server: Server) => {
  const { findings } = await json(server, 'check')
  return findings.filter(({ id }: { id: string }) => id === 'catalogue.stale')
}

async function made(): Promise<Server> {
  const server = await makeServer('archive: { target: disk }\n')
  await backUp(server)
  return server
}

test('a catalogue that is whole is not spoken of', async () => {
  const server = await made()
  const { sources } = await json(server, 'status')
  expect(sources.map((one: { uncatalogued: string[] }) => one.uncatalogued)).toEqual([[], []])
  expect(await staleIn(server)).toEqual([])
  const { out, err } = await hdsync(server, 'backups', '--json')
  expect(err).toBe('')
  expect(JSON.parse(out).every((point: object) => !('catalogued' in point))).toBe(true)
  expect((await hdsync(server, 'status')).out).not.toContain('catalogue')
})

test('a catalogue that does not know an archive is said in status, backups and check, with what mends it', async () => {
  const server = await made()
  const point = (await json(server, 'backups', 'home')).find(
    ({ kind }: { kind: string }) => kind === 'weekday',
  )
  rmSync(join(server.folder, 'disk/.hdsync-catalogue/home.sqlite'))
  const { sources } = await json(server, 'status')
  expect(
    Object.fromEntries(sources.map((one: Record<string, unknown>) => [one.source, one.uncatalogued])),
  ).toEqual({
    home: [point.path],
    www: [],
  })
  const page = (await hdsync(server, 'status')).out.replace(/\s+/g, ' ')
  expect(page).toContain('home: the catalogue does not know 1 archive, which listings read whole:')
  expect(page).toContain(' hdsync catalogue rebuild home ')
  expect(await staleIn(server)).toMatchObject([
    { severity: 'warning', about: 'source home', remedy: 'hdsync catalogue rebuild home' },
  ])
  expect(await hdsync(server, 'backups')).toMatchObject({
    exitCode: 0,
    err: `hdsync: home: the catalogue does not know 1 archive, which listings read whole: ${point.id}; hdsync catalogue rebuild home mends that\n`,
  })
  const points = await json(server, 'backups')
  expect(points.filter((one: { catalogued?: false }) => one.catalogued === false)).toMatchObject([
    { id: point.id },
  ])
  expect(await hdsync(server, 'ls', 'home', '--at', point.id)).toEqual({
    exitCode: 0,
    out: 'file\n',
    err: `hdsync: no catalogue knows ${point.id}: its archive is read whole, which takes longer; hdsync catalogue rebuild home mends that\n`,
  })
  expect((await hdsync(server, 'catalogue', 'rebuild', 'home')).exitCode).toBe(0)
  expect(await staleIn(server)).toEqual([])
  expect(await hdsync(server, 'ls', 'home', '--at', point.id)).toMatchObject({ out: 'file\n', err: '' })
})

test('of a disk that is not mounted, the copy of its catalogue is meant', async () => {
  const server = await made()
  const stray = 'state/catalogues/disk/home.sqlite'
  rmSync(join(server.folder, 'disk'), { recursive: true })
  mkdirSync(join(server.folder, 'disk'))
  expect((await hdsync(server, 'backups')).err).not.toContain('catalogue')
  writeFileSync(join(server.folder, stray), 'not a database')
  expect((await hdsync(server, 'backups')).err).toContain('home: the catalogue does not know 1 archive')
  const points = await json(server, 'backups')
  expect(points.filter((one: { catalogued?: false }) => one.catalogued === false)).toHaveLength(1)
})
