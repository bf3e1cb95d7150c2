import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../../../runtime/cli/program.ts'
import { makeServer, printed, type Server } from '../night.ts'

// Real files and the real rsync: a source of 20 files, of which a copy may change 40 percent, that is 8.

async function hdsync({ config }: Server, ...words: string[]) {
  const io = printed()
  const exitCode = await main(['node', 'hdsync', ...words, '--config', config], '0.0.0', io)
  return { exitCode, out: io.out, err: io.err }
}

const json = async (server: Server, ...words: string[]) =>
  JSON.parse((await hdsync(server, ...words, '--json')).out)

async function limitedServer(limit: string, more = ''): Promise<Server> {
  const server = await makeServer()
  const { folder, config } = server
  const text = readFileSync(config, 'utf8')
  writeFileSync(
    config,
    text.replace(
      / {2}home: .*\n {2}www: .*\n/,
      `  home: { path: ${folder}/home, target: disk, ${limit} }\n${more}`,
    ),
    { mode: 0o600 },
  )
  rmSync(join(folder, 'home/file'))
  for (const sub of ['a', 'b', 'c/d']) mkdirSync(join(folder, 'home', sub), { recursive: true })
  rewrite(server, 20, 'good')
  return server
}

const nameOf = (n: number) => `${['a', 'b', 'c/d'][n % 3]}/file${n}`

/** Other contents, of another size, for the first so many files. */
function rewrite({ folder }: Server, files: number, text: string) {
  for (let n = 0; n < files; n += 1) writeFileSync(join(folder, 'home', nameOf(n)), `${text} ${n}\n`)
}

const mirrored = ({ folder }: Server, n: number) =>
  readFileSync(join(folder, 'disk/home', nameOf(n)), 'utf8').trim()

const run = async (server: Server) => (await hdsync(server, 'run', '--quiet')).exitCode

test('a first copy is never held, and up to the figure a copy goes through', async () => {
  const server = await limitedServer('maxChange: 40%')
  expect(await run(server)).toBe(0)
  rewrite(server, 7, 'seven')
  expect(await run(server)).toBe(0)
  rewrite(server, 8, 'eight')
  // New files do not count, nor what has another owner, mode or folder time alone.
  for (let n = 0; n < 30; n += 1) writeFileSync(join(server.folder, 'home/a', `new${n}`), '')
  expect(await run(server)).toBe(0)
  expect(mirrored(server, 7)).toBe('eight 7')
  expect(await json(server, 'events', '--type', 'sync.unusual').catch(() => [])).toEqual([])
})

test('more than the figure is held before a byte is copied, with a list, and goes on when it is released', async () => {
  const server = await limitedServer('maxChange: 40%')
  await run(server)
  const before = statSync(join(server.folder, 'disk/home')).ctimeMs
  rewrite(server, 9, 'encrypted')
  writeFileSync(join(server.folder, 'home/a/README'), 'pay')
  expect(await run(server)).toBe(5)
  expect(statSync(join(server.folder, 'disk/home')).ctimeMs).toBe(before)
  expect(mirrored(server, 0)).toBe('good 0')
  expect(readdirSync(join(server.folder, 'disk/home/a'))).not.toContain('README')

  expect(await json(server, 'show', '--held')).toMatchObject([
    {
      source: 'home',
      reason: 'changes',
      deletions: 0,
      changes: {
        files: 9,
        limit: 8,
        mirrorFiles: 20,
        byFolder: expect.arrayContaining([{ path: 'a/', files: 3 }]),
      },
    },
  ])
  const { names, changedNames } = await json(server, 'show', '--held', 'home')
  expect({ names, changedNames }).toEqual({
    names: [],
    changedNames: Array.from({ length: 9 }, (_, n) => nameOf(n)).sort(),
  })
  const { out } = await hdsync(server, 'show', '--held', 'home')
  expect(out).toContain('would change 9 of 20 files in the mirror, 8 are allowed\n')
  expect(out).toMatch(/FILES +CHANGED IN\n +3 +a\/\n/)
  expect(out).toContain('hdsync release home')
  expect((await hdsync(server, 'show', '--held', 'home', '--names')).out).toContain('changed  a/file0\n')
  const unusual = (await hdsync(server, 'events', '--type', 'sync.unusual')).out
  expect(unusual).toContain(
    '9 files of 20 would be changed, 8 are allowed; the copy waits for: hdsync release home',
  )
  expect((await hdsync(server, 'check')).out).toContain('held: would change 9 of 20 files')
  expect((await hdsync(server, 'why', 'home')).out).toContain('sources.home.maxChange')

  expect((await hdsync(server, 'release', 'home', '--quiet')).exitCode).toBe(0)
  expect(mirrored(server, 8)).toBe('encrypted 8')
  expect(await json(server, 'show', '--held')).toEqual([])
  // It has been used up, and nothing else waits for a word.
  expect((await hdsync(server, 'release', 'home')).exitCode).toBe(2)
  rewrite(server, 9, 'encrypted again')
  expect(await run(server)).toBe(5)
})

test('a release permits what was on its list alone, and the figure beside it', async () => {
  const server = await limitedServer('maxChange: 2')
  await run(server)
  rewrite(server, 10, 'meant')
  expect(await run(server)).toBe(5)
  const { hold } = (await json(server, 'show', '--held'))[0]
  // Three more than were seen: two are allowed.
  rewrite(server, 13, 'more')
  expect((await hdsync(server, 'release', 'home', '--quiet')).exitCode).toBe(5)
  expect(mirrored(server, 0)).toBe('good 0')
  const again = (await json(server, 'show', '--held'))[0]
  expect(again.hold).not.toBe(hold)
  expect(again.changes).toMatchObject({ files: 13, limit: 2 })
  rewrite(server, 15, 'more')
  expect((await hdsync(server, 'release', 'home', '--quiet')).exitCode).toBe(0)
  expect(mirrored(server, 14)).toBe('more 14')
})

test('where both limits are passed in one night, one hold names all, and one release is enough', async () => {
  const server = await limitedServer('maxDelete: 3, maxChange: 3')
  await run(server)
  rewrite(server, 10, 'encrypted')
  for (let n = 10; n < 20; n += 1) rmSync(join(server.folder, 'home', nameOf(n)))
  expect(await run(server)).toBe(5)
  expect((await json(server, 'show', '--held'))[0]).toMatchObject({
    reason: 'deletions',
    files: 10,
    changes: { files: 10, limit: 3, mirrorFiles: 20 },
  })
  expect((await hdsync(server, 'show', '--held')).out).toContain(
    'would delete 10 files of 25 entries in the mirror, 3 are allowed, and would change 10 of 20 files in the mirror, 3 are allowed',
  )
  expect((await hdsync(server, 'release', 'home', '--quiet')).exitCode).toBe(0)
  expect(mirrored(server, 9)).toBe('encrypted 9')
  expect(await run(server)).toBe(0)
})

test('a leave to change a file is none to delete it', async () => {
  const server = await limitedServer('maxDelete: 3, maxChange: 3')
  await run(server)
  rewrite(server, 10, 'encrypted')
  expect(await run(server)).toBe(5)
  for (let n = 0; n < 10; n += 1) rmSync(join(server.folder, 'home', nameOf(n)))
  expect((await hdsync(server, 'release', 'home', '--quiet')).exitCode).toBe(5)
  expect(mirrored(server, 0)).toBe('good 0')
})

test('who keeps sizes and times as they were is seen as well', async () => {
  const server = await limitedServer('maxChange: 25%')
  await run(server)
  // The first comparison is by the times of change, from the second copy on.
  await run(server)
  for (let n = 0; n < 9; n += 1) {
    const path = join(server.folder, 'home', nameOf(n))
    const { atime, mtime } = statSync(path)
    writeFileSync(path, readFileSync(path, 'utf8').replace('good', 'evil'))
    utimesSync(path, atime, mtime)
  }
  expect(await run(server)).toBe(5)
  expect(mirrored(server, 3)).toBe('good 3')
  expect((await json(server, 'show', '--held'))[0].changes).toMatchObject({ files: 9, limit: 5 })
})

test.each([
  ['folders', (path: string) => mkdirSync(path)],
  ['links', (path: string) => symlinkSync('/elsewhere', path)],
])('files in whose place come %s are changed too', async (_, make) => {
  const server = await limitedServer('maxDelete: 100%, maxChange: 40%')
  await run(server)
  for (let n = 0; n < 9; n += 1) {
    const path = join(server.folder, 'home', nameOf(n))
    rmSync(path)
    make(path)
  }
  expect(await run(server)).toBe(5)
  expect((await json(server, 'show', '--held'))[0].changes).toMatchObject({ files: 9, limit: 8 })
  expect(mirrored(server, 0)).toBe('good 0')
  expect((await hdsync(server, 'release', 'home', '--quiet')).exitCode).toBe(0)
})

test('a hold ends by itself when the files are as they were', async () => {
  const server = await limitedServer('maxChange: 0')
  await run(server)
  renameSync(join(server.folder, 'home/a'), join(server.folder, 'a-before'))
  mkdirSync(join(server.folder, 'home/a'))
  for (const name of readdirSync(join(server.folder, 'a-before')))
    writeFileSync(join(server.folder, 'home/a', name), 'x')
  expect(await run(server)).toBe(5)
  rmSync(join(server.folder, 'home/a'), { recursive: true })
  renameSync(join(server.folder, 'a-before'), join(server.folder, 'home/a'))
  expect(await run(server)).toBe(0)
  expect(await json(server, 'show', '--held')).toEqual([])
})
