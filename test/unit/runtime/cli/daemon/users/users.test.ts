import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, lchownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { writeMarker } from '../../../../../../runtime/host/target/marker.ts'
import { main } from '../../../../program.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { backUp, type Server } from '../../night.ts'
import { serve } from '../../processes.ts'

const ann = 12_345
const bob = 23_456
const users = 'users'

const asUser = (uid: number, group = users) => [
  'setpriv',
  '--reuid',
  String(uid),
  '--regid',
  group,
  '--clear-groups',
]

/** Another user has to be able to read this checkout and its Node. */
const canBeAnother =
  process.geteuid?.() === 0 &&
  spawnSync('setpriv', [...asUser(ann).slice(1), process.execPath, main, '--version']).status === 0

/** Homes of two users, some of it for everybody, as a mirror and as an archive. */
async function makeHomes(): Promise<Server> {
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  execFileSync('sh', ['-ec', homes], { cwd: folder })
  for (const name of ['disk', 'shelf']) {
    mkdirSync(join(folder, name), { mode: 0o700 })
    await writeMarker(join(folder, name), name, 0)
  }
  mkdirSync(join(folder, 'functions'))
  mkdirSync(join(folder, 'socket'))
  const config = join(folder, 'hdsync.yaml')
  writeFileSync(
    config,
    `sources: { home: { path: ${folder}/home, target: disk } }
targets: { disk: { path: ${folder}/disk }, shelf: { path: ${folder}/shelf } }
archive: { target: shelf }
state: ${folder}/state
functions: ${folder}/functions
http: { socket: ${folder}/socket/hdsync.sock, users: ${users} }
`,
    { mode: 0o644 },
  )
  const server = { folder, config }
  await backUp(server)
  return server
}

const homes = `
  mkdir home home/ann home/ann/deep home/bob home/public home/team
  echo mine > home/ann/note; echo deep > home/ann/deep/file; ln -s ../bob/secret home/ann/link
  ln home/ann/note home/ann/deep/further; truncate -s 3M home/ann/sparse
  echo not yours > home/bob/secret; ln home/bob/secret home/ann/of-bob
  echo all > home/public/readme; echo root > home/public/closed; chmod 600 home/public/closed
  echo hers > home/bob/of-ann
  echo group > home/team/file; chmod 640 home/team/file
  chown -Rh ${ann}:${ann} home/ann home/bob/of-ann; chown -R ${bob}:${bob} home/bob/secret; chown ${bob} home/bob
  chmod 700 home/ann home/bob; chmod 600 home/ann/note home/bob/*; touch -d '2020-02-03 04:05:06.7' home/ann/note
`

interface Asking {
  server: Server
  weekday: string
  run(uid: number, ...args: string[]): { code: number | null; out: string; err: string }
}

test.runIf(canBeAnother)(
  'users who are not root list and restore what they could read, and nothing else',
  async () => {
    const server = await makeHomes()
    await serve(server)
    function run(uid: number, ...args: string[]) {
      const env = { ...process.env, HDSYNC_CONFIG: server.config, HOME: '/nonexistent' }
      const [command = '', ...words] = [...asUser(uid), process.execPath, main, ...args]
      const { status, stdout, stderr } = spawnSync(command, words, { env, cwd: '/', encoding: 'utf8' })
      return { code: status, out: stdout, err: stderr }
    }

    const points = JSON.parse(run(ann, 'backups', '--json').out) as { id: string; kind: string }[]
    const weekday = points.find(({ kind }) => kind === 'weekday')?.id ?? ''
    const asking = { server, weekday, run }
    lists(asking)
    contents(asking)
    restores(asking)
    await elseNothing(asking)
    await hangUp(asking)
  },
  600_000,
)

/** List what they could read, in the mirror and in archives. */
function lists({ server, weekday, run }: Asking): void {
  for (const at of [[], ['--at', weekday]]) {
    const { out, err, code } = run(ann, 'ls', 'home', '-R', ...at)
    expect({ err, code }).toEqual({ err: '', code: 0 })
    expect(out.split('\n').filter(Boolean).sort()).toEqual([
      'ann/',
      'ann/deep/',
      'ann/deep/file',
      'ann/deep/further',
      'ann/link',
      'ann/note',
      'ann/sparse',
      'public/',
      'public/readme',
      'team/',
    ])
    expect(run(bob, 'ls', 'home:ann', ...at).code).toBe(2)
    expect(run(ann, 'find', '*secret*', 'home', ...at).out).toBe('')
  }
  expect(run(ann, 'versions', join(server.folder, 'home/ann/note'), '--json').out).toContain('"sizeBytes":5')
}

/** Are given the contents of those alone. */
function contents({ weekday, run }: Asking): void {
  for (const at of [[], ['--at', weekday]]) {
    expect(run(ann, 'cat', 'home:ann/note', ...at)).toMatchObject({ out: 'mine\n', code: 0 })
    for (const path of ['bob/of-ann', 'ann/of-bob']) {
      const { out, code } = run(ann, 'cat', `home:${path}`, ...at)
      expect({ path, out, code }).toEqual({ path, out: '', code: 2 })
    }
  }
}

/** Restore into a folder of their own, and own it. */
function restores({ server, weekday, run }: Asking): void {
  for (const [n, at] of [[], ['--at', weekday]].entries()) {
    const to = join(server.folder, `back${n}`)
    mkdirSync(to)
    execFileSync('chown', [String(ann), to])
    expect(run(ann, 'restore', 'home', ...at, '--to', to)).toMatchObject({ err: '', code: 0 })
    const found = execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P %y %m %U\\n'], {
      cwd: to,
      encoding: 'utf8',
    })
    expect(found.split('\n').filter(Boolean).sort()).toEqual([
      `ann d 700 ${ann}`,
      `ann/deep d 755 ${ann}`,
      `ann/deep/file f 644 ${ann}`,
      `ann/deep/further f 600 ${ann}`,
      `ann/link l 777 ${ann}`,
      `ann/note f 600 ${ann}`,
      `ann/sparse f 644 ${ann}`,
      `public d 755 ${ann}`,
      `public/readme f 644 ${ann}`,
      `team d 755 ${ann}`,
    ])
    expect(readFileSync(join(to, 'ann/note'), 'utf8')).toBe('mine\n')
    expect(statSync(join(to, 'ann/note')).mtimeMs).toBe(Date.parse('2020-02-03T04:05:06.7'))
    expect(statSync(join(to, 'ann/note')).ino).toBe(statSync(join(to, 'ann/deep/further')).ino)
    expect(statSync(join(to, 'ann/sparse')).blocks).toBeLessThan(100)
  }
  expect(run(ann, 'restore', 'home', '--in-place', '--yes').err).toContain('only root restores in place')
}

/** Get nothing else, and prove who they are. */
async function elseNothing({ server }: Asking): Promise<void> {
  const socket = join(server.folder, 'socket/users.sock')
  const post = async (route: string, body: unknown, peer?: string) => {
    const response = await ask(socket, 'POST', route, body, peer)
    response.resume()
    return response.statusCode
  }
  const entries = { point: 'x', under: '' }
  expect(await post('/entries', entries)).toBe(401)
  expect(await post('/entries', entries, 'guessed')).toBe(401)
  for (const route of [
    '/restores',
    '/restore',
    '/events',
    '/runs',
    '/reload',
    '/held/x/release',
    '/runs/x/cancel',
  ])
    expect(await post(route, {})).toBe(404)
  expect(statSync(socket).mode & 0o777).toBe(0o660)
  expect(statSync(join(server.folder, 'socket/peers')).mode & 0o7777).toBe(0o1730)
  const [command = '', ...words] = [...asUser(ann, 'nogroup'), process.execPath, main, 'backups']
  const env = { ...process.env, HDSYNC_CONFIG: server.config }
  expect(spawnSync(command, words, { env, encoding: 'utf8' }).stderr).toContain('EACCES')
}

/** Who hangs up in the middle keeps nobody from reading. */
async function hangUp({ server, weekday }: Asking): Promise<void> {
  const socket = join(server.folder, 'socket/users.sock')
  const { folder, name } = (await json(await ask(socket, 'POST', '/peer', {}))) as Record<string, string>
  symlinkSync(name ?? '', join(folder ?? '', name ?? ''))
  lchownSync(join(folder ?? '', name ?? ''), ann, ann)
  await bounded(socket, name ?? '')
  const body = { point: weekday, path: Buffer.from('ann/sparse').toString('base64') }
  const contents = await ask(socket, 'POST', '/contents', body, name)
  expect(contents.statusCode).toBe(200)
  await once(contents, 'readable')
  contents.destroy()
  const lease = async () => {
    const stream = await ask(join(server.folder, 'socket/hdsync.sock'), 'GET', '/lease?kind=read')
    const [first] = await once(stream, 'data')
    stream.destroy()
    return String(first)
  }
  await expect.poll(lease).toMatch(/^event: go/)
}

/** What is asked is bounded, and only of so many at a time it is listened to. */
async function bounded(socket: string, name: string): Promise<void> {
  const long = await ask(socket, 'POST', '/entries', { point: 'x'.repeat(70_000), under: '' }, name)
  long.resume()
  expect(long.statusCode).toBe(413)
  const headers = { 'x-hdsync-peer': name, 'content-length': 1000 }
  const slow = Array.from({ length: 17 }, () =>
    request({ socketPath: socket, method: 'POST', path: '/entries', headers, agent: false }),
  )
  const refused = Promise.race(slow.map(async (one) => (await once(one, 'response'))[0] as IncomingMessage))
  for (const one of slow) one.on('error', () => {}).flushHeaders()
  expect((await refused).statusCode).toBe(429)
  for (const one of slow) one.destroy()
  const again = async () => {
    const response = await ask(socket, 'POST', '/points', {}, name)
    response.resume()
    return response.statusCode
  }
  await expect.poll(again).toBe(200)
}

function ask(socketPath: string, method: string, path: string, body?: unknown, peer?: string) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { ...(peer !== undefined && { 'x-hdsync-peer': peer }) }
    const asked = request({ socketPath, method, path, headers, agent: false }, resolve)
    asked.once('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
  })
}
