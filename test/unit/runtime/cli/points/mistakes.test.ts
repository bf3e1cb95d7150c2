import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
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

async function made(): Promise<Server> {
  const server = await makeServer('archive: { target: disk }\n')
  mkdirSync(join(server.folder, 'home/mail'))
  writeFileSync(join(server.folder, 'home/mail/ann'), 'good\n')
  await backUp(server)
  return server
}

const archive = `home@${new Date().toLocaleDateString('sv')}`

test('what was never there, and what was left empty, is refused by each command', async () => {
  const server = await made()
  for (const [words, reason] of [
    [['ls', 'home:nope'], 'home:nope was not there on'],
    [['cat', 'home:nope'], 'home:nope was not there on'],
    [['cat', 'home:nope/deep'], 'home:nope/deep was not there on'],
    [['cat', 'home:nope', '--at', archive], 'home:nope was not there on'],
    [['diff', 'home:nope', '--from', archive], 'home:nope was not there on'],
    [['diff', 'home:nope', '--from', 'latest', '--to', 'live'], 'home:nope was not there on'],
    [['diff', 'home', '--from', ''], '"" is no moment'],
    [['ls', 'home', '--at', ''], '"" is no moment'],
    [['restore', 'home', '--at', ''], '"" is no moment'],
    [['restore', 'home', '--to', ''], '--to names no folder'],
    [['restore', '--undo', 'last', '--in-place'], 'take nothing that says what is restored'],
    [['restore', '--resume', 'last', '--at', 'latest'], 'take nothing that says what is restored'],
    [['find', ''], 'there is no name to find'],
  ] as const) {
    const { exitCode, out, err } = await hdsync(server, ...words)
    expect({ words, exitCode, out, err }).toMatchObject({
      exitCode: 2,
      out: '',
      err: expect.stringContaining(reason),
    })
  }
  expect(await hdsync(server, 'cat', 'home:mail')).toMatchObject({
    exitCode: 1,
    err: 'hdsync: mail is no regular file\n',
  })
  expect(await hdsync(undefined, 'ls', 'home', '--disk', `${server.folder}/none`)).toMatchObject({
    exitCode: 2,
  })
  expect((await hdsync(server, 'diff', 'home:mail', '--from', archive)).exitCode).toBe(0)
})

test('a restore that would be taken back is shown by a dry run, and nothing is done', async () => {
  const server = await made()
  const live = join(server.folder, 'home')
  const file = join(live, 'mail/ann')
  writeFileSync(file, 'mine\n')
  const { out } = await hdsync(server, 'restore', 'home:mail', '--in-place', '--yes', '-q')
  expect(out).toMatch(/to take that back: hdsync restore --undo \S+ --config \S+hdsync.yaml\n$/)
  expect(await hdsync(server, 'restore', '--undo', 'last', '--dry-run')).toEqual({
    exitCode: 0,
    out: `in ${live}:\n  replace  mail/ann\n`,
    err: '',
  })
  expect(readFileSync(file, 'utf8')).toBe('good\n')
  const shown = JSON.parse((await hdsync(server, 'restore', '--undo', 'last', '--dry-run', '--json')).out)
  expect(shown).toMatchObject({
    root: live,
    actions: [{ op: 'folder' }, { op: 'replace', path: 'mail/ann', type: 'file' }],
  })
  expect(readdirSync(join(live, '.hdsync-undo'))).toHaveLength(1)
})

test('the command that takes a restore back without a config can be typed as it is printed', async () => {
  const server = await made()
  const to = join(server.folder, 'my files')
  mkdirSync(to)
  writeFileSync(join(to, 'file'), 'mine\n')
  const disk = join(server.folder, 'disk')
  const { out } = await hdsync(undefined, 'restore', 'home:file', '--disk', disk, '--to', to, '--yes', '-q')
  const [, id] = /restore --undo (\S+) --to '.*my files' --disk \S+\n$/.exec(out) ?? []
  expect((await hdsync(undefined, 'restore', '--undo', id ?? '', '--to', to, '--disk', disk)).exitCode).toBe(
    0,
  )
  expect(readFileSync(join(to, 'file'), 'utf8')).toBe('mine\n')
})
