import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { backupStart } from '../../../../../events/index.ts'
import { openEngine } from '../../../../../runtime/backup/open-engine.ts'
import { main } from '../../../../../runtime/cli/program.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { weekdayOf } from '../../../../../runtime/weekday.ts'
import { program } from '../../../program.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function hdsync(server: Server, ...words: string[]) {
  const io = printed()
  const exitCode = await main(['node', 'hdsync', ...words, '--config', server.config], '0.0.0', io)
  return { exitCode, out: io.out, err: io.err }
}

const drill = async (server: Server, ...words: string[]) => {
  const { exitCode, out, err } = await hdsync(server, 'drill', ...words, '--json', '-q')
  return { exitCode, err, ...(out ? JSON.parse(out) : {}) }
}

/** A server whose `home` has something of each kind, after a night. */
async function made(more = ''): Promise<Server> {
  const server = await makeServer(more)
  const scratch = join(server.folder, 'scratch')
  const text = readFileSync(server.config, 'utf8')
  writeFileSync(server.config, `${text}drill: { scratch: ${scratch}, sample: 20 }\n`)
  mkdirSync(scratch)
  const home = join(server.folder, 'home')
  for (let n = 0; n < 30; n += 1) {
    mkdirSync(join(home, `folder${n % 3}/in`), { recursive: true })
    writeFileSync(join(home, `folder${n % 3}/in/file${n}`), `contents of ${n}\n`.repeat(n + 1))
  }
  writeFileSync(join(home, 'large'), Buffer.alloc(3 * 1024 ** 2, 'not so easily packed'))
  writeFileSync(Buffer.concat([Buffer.from(`${home}/-odd "name\n`), Buffer.from([0xff])]), 'odd')
  linkSync(join(home, 'folder0/in/file0'), join(home, 'folder1/one more name'))
  symlinkSync('to somewhere', join(home, 'link'))
  if (process.getuid?.() === 0) chownSync(join(home, 'folder1/in/file1'), 1234, 4321)
  chmodSync(join(home, 'folder1'), 0o2751)
  utimesSync(join(home, 'folder2'), 1e9, 1e9 + 0.123)
  execFileSync('setfacl', ['-m', 'u:1234:r', join(home, 'folder2/in/file2')])
  await backUp(server)
  return server
}

const archived = 'archive: { target: disk }\n'

test('a sample of each source and one whole are restored, compared and removed; what is proven is on record', async () => {
  const server = await made(archived)
  const first = await drill(server)
  expect(first).toMatchObject({ exitCode: 0, err: '', state: 'succeeded', error: null })
  const [home, www] = first.sources
  expect(home).toMatchObject({ source: 'home', state: 'proven', whole: true, canary: true, differences: [] })
  expect(www).toMatchObject({ source: 'www', state: 'proven', whole: false, canary: true })
  expect(home.files).toBeGreaterThan(40)
  expect(home.recorded).toBeGreaterThan(30)
  expect(readdirSync(join(server.folder, 'scratch'))).toEqual([])
  // The next one restores another restore point, and the other source whole.
  const second = await drill(server)
  expect(second.exitCode).toBe(0)
  expect(second.sources[0]).toMatchObject({ source: 'home', whole: false, canary: true })
  expect(second.sources[1]).toMatchObject({ source: 'www', whole: true })
  expect(second.sources[0].point).not.toBe(home.point)
  const { run } = second
  const status = JSON.parse((await hdsync(server, 'status', '--json')).out)
  for (const one of status.sources)
    expect(one).toMatchObject({
      provenRestoreAt: expect.any(String),
      drill: { state: 'proven', error: null },
    })
  expect((await hdsync(server, 'status')).out).toContain('RESTORED')
  const points = JSON.parse((await hdsync(server, 'backups', 'home', '--json')).out)
  expect(points.map(({ provenRestoreAt }: { provenRestoreAt: string }) => typeof provenRestoreAt)).toEqual([
    ...['string', 'string'],
  ])
  expect(JSON.parse((await hdsync(server, 'show', run, '--json')).out)).toMatchObject({
    ...{ run, kind: 'drill', state: 'succeeded' },
  })
})

test('says in words how it went, of one source whole', async () => {
  const server = await made()
  const { exitCode, out } = await hdsync(server, 'drill', 'home', '--whole')
  expect({ exitCode, out }).toEqual({
    exitCode: 0,
    out: expect.stringMatching(
      /^home: proven: all of it of home@latest restored in \S+ \(\d+ entries, 3 MiB\)/,
    ),
  })
})

test('contents that are not what was archived fail it, as do those that are not what was in the source', async () => {
  const server = await made(archived)
  // The archive comes first, then the mirror.
  expect((await drill(server, 'home')).sources[0].point).not.toBe('home@latest')
  const rotten = join(server.folder, 'disk/home/large')
  const time = execFileSync('stat', ['-c', '%y', rotten], { encoding: 'utf8' }).trim()
  const bytes = readFileSync(rotten)
  bytes[1000] = 1
  writeFileSync(rotten, bytes)
  execFileSync('touch', ['-d', time, rotten])
  const { exitCode, sources, error } = await drill(server, 'home', '--whole')
  expect(exitCode).toBe(1)
  expect(sources[0]).toMatchObject({ state: 'failed', point: 'home@latest' })
  expect(sources[0].differences).toContain('large: its contents are not what was recorded')
  expect(error).toContain('home: what was restored from home@latest is not what was recorded')
  expect(readdirSync(join(server.folder, 'scratch'))).toEqual([])
})

test('the canary tells what mirror and catalogue cannot: they agree on a file that was copied wrong', async () => {
  const server = await made()
  // Without archives nothing but the canary is known of contents: all other files are made alike in both.
  const mirror = join(server.folder, 'disk/www/file')
  const time = execFileSync('stat', ['-c', '%y', mirror], { encoding: 'utf8' }).trim()
  writeFileSync(mirror, 'wwx')
  execFileSync('touch', ['-d', time, mirror])
  const { exitCode, sources } = await drill(server, 'www')
  expect(exitCode).toBe(1)
  expect(sources[0].differences).toEqual(['file: it is not what was in the source when it was copied'])
})

test('a damaged archive fails it, and says so', async () => {
  const server = await made(archived)
  const archive = join(server.folder, 'disk', weekdayOf(Date.now()), 'home.tar.zst')
  const bytes = readFileSync(archive)
  bytes.fill(0, Math.floor(bytes.length / 4), Math.floor(bytes.length / 2))
  writeFileSync(archive, bytes)
  const { exitCode, sources } = await drill(server, 'home', '--whole')
  expect({ exitCode, point: sources[0].point }).toMatchObject({ exitCode: 1 })
  expect(sources[0].state).toBe('failed')
})

test('without room nothing is written, and the numbers are told', async () => {
  const server = await made()
  const scratch = join(server.folder, 'scratch')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', scratch])
  try {
    const { exitCode, sources } = await drill(server, 'home', '--whole')
    expect(exitCode).toBe(1)
    expect(sources[0].error).toMatch(/the restore needs 3(\.\d)? MiB, and there are \d+(\.\d)? KiB in /)
    expect(readdirSync(scratch)).toEqual([])
  } finally {
    execFileSync('umount', [scratch])
  }
})

test('functions judge what was restored: one that fails makes the drill fail, one that is broken too', async () => {
  const server = await made()
  const file = join(server.folder, 'functions/judge.ts')
  const judge = (check: string) =>
    writeFileSync(
      file,
      `import { readFileSync, writeFileSync } from 'node:fs'
import { defineFunction, drillRestored } from 'hdsync'
export default defineFunction({
  on: drillRestored,
  emits: [],
  retry: { limit: 1 },
  run({ data }) {
    writeFileSync('${server.folder}/seen', JSON.stringify(data))
    writeFileSync(data.folder + '/left', 'by the function')
    ${check}
  },
})
`,
    )
  judge(`if (readFileSync(data.folder + '/file', 'utf8') !== data.source) throw new Error('not what it was')`)
  const good = await drill(server, 'www')
  expect(good).toMatchObject({ exitCode: 0, sources: [{ state: 'proven', functions: ['judge'] }] })
  expect(JSON.parse(readFileSync(join(server.folder, 'seen'), 'utf8'))).toMatchObject({
    ...{ source: 'www', point: 'www@latest', whole: false, files: 1, sizeBytes: 3 },
  })
  judge(`throw new Error('the database does not start')`)
  const bad = await drill(server, 'www')
  expect(bad).toMatchObject({
    exitCode: 1,
    sources: [{ state: 'failed', error: 'judge failed: the database does not start' }],
  })
  writeFileSync(file, 'this is no function')
  const broken = await drill(server, 'www')
  expect(broken.exitCode).toBe(1)
  expect(broken.sources[0].error).toContain('judge failed:')
  const { out } = await hdsync(server, 'status')
  expect(out).toContain('www: its last drill failed: judge failed:')
  expect(out).toContain('hdsync drill www')
  expect(readdirSync(join(server.folder, 'scratch'))).toEqual([])
})

test('is refused where nothing is configured', async () => {
  const server = await makeServer()
  expect(await hdsync(server, 'drill')).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining('drill: { scratch: /var/tmp }'),
  })
  expect(existsSync(join(server.folder, 'state/events.db'))).toBe(false)
})

test('after a kill in the middle nothing is left in the scratch folder once hdsync has started again', async () => {
  const server = await made()
  const scratch = join(server.folder, 'scratch')
  writeFileSync(
    join(server.folder, 'functions/waits.ts'),
    `import { setTimeout as sleep } from 'node:timers/promises'
import { defineFunction, drillRestored } from 'hdsync'
export default defineFunction({
  on: drillRestored,
  emits: [],
  timeout: '1h',
  retry: { limit: 1 },
  run: () => sleep(3_600_000),
})
`,
  )
  const child = spawn(program, ['drill', 'www', '-q', '--config', server.config], { stdio: 'ignore' })
  const ended = once(child, 'close')
  await expect
    .poll(() => readdirSync(scratch, { recursive: true }).some((name) => String(name).endsWith('www/file')), {
      timeout: 60_000,
    })
    .toBe(true)
  child.kill('SIGKILL')
  await ended
  expect(readdirSync(scratch)).toHaveLength(1)
  rmSync(join(server.folder, 'functions/waits.ts'))
  const engine = await openEngine({ config: await loadConfig({ path: server.config, env: {} }) })
  await engine?.start()
  await engine?.stop()
  expect(readdirSync(scratch)).toEqual([])
  const [last] = JSON.parse((await hdsync(server, 'runs', '--all', '--json')).out)
  expect(last).toMatchObject({
    kind: 'drill',
    state: 'failed',
    error: expect.stringContaining('interrupted'),
  })
})

test('a process that goes on makes one after the first night, and no other after the next', async () => {
  const server = await made()
  const config = await loadConfig({ path: server.config, env: {} })
  const engine = await openEngine({ config, schedules: true })
  await engine?.start()
  try {
    const drills = () => engine?.bus.events({ types: ['drill.finished', 'drill.failed'] }) ?? []
    for (const _ of ['first', 'next']) {
      const run = await engine?.trigger(backupStart, {})
      await engine?.ended(run ?? '')
      await expect.poll(drills, { timeout: 60_000 }).toHaveLength(1)
    }
    expect(drills()[0]?.type).toBe('drill.finished')
    expect(engine?.bus.events({ types: ['drill.start'] })).toHaveLength(1)
  } finally {
    await engine?.stop()
  }
})

test('a source with nothing in it is proven by its own folder', async () => {
  const server = await makeServer(archived)
  const scratch = join(server.folder, 'scratch')
  const text = readFileSync(server.config, 'utf8')
  writeFileSync(server.config, `${text}drill: { scratch: ${scratch}, whole: none }\n`)
  mkdirSync(scratch)
  rmSync(join(server.folder, 'www/file'))
  await backUp(server)
  for (const _ of ['once', 'again']) {
    expect(await drill(server, 'www')).toMatchObject({
      exitCode: 0,
      sources: [{ state: 'proven', files: 1 }],
    })
  }
})
