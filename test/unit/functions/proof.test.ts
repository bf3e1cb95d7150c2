import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  backupStart,
  type Envelope,
  type InputOf,
  mirrorDoubtful,
  mirrorHealed,
  type verifyFinished,
  verifyStart,
} from '../../../events/index.ts'
import type { Engine } from '../../../runtime/backup/engine.ts'
import { openEngine } from '../../../runtime/backup/open-engine.ts'
import { entriesLeft } from '../../../runtime/backup/proof/facts.ts'
import { backupsCommand } from '../../../runtime/cli/commands/backups.ts'
import { runCommand } from '../../../runtime/cli/commands/run.ts'
import { statusCommand } from '../../../runtime/cli/commands/status.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { readLedger } from '../../../runtime/host/proof/ledger.ts'
import { weekdays } from '../../../runtime/weekday.ts'
import { isNightly } from '../nightly.ts'
import { backUp, makeServer, printed, type Server } from '../runtime/cli/night.ts'
import { temporaryFolder } from '../temporary-folder.ts'

/** A server with something in a source, and its first night. */
class Site {
  readonly server: Server

  private constructor(server: Server) {
    this.server = server
  }

  static async make(
    fill: (home: string) => void = () => {},
    archive = 'archive: { target: disk }\n',
  ): Promise<Site> {
    const site = new Site(await makeServer(`${archive}verify: { budget: 1h }\n`))
    for (const n of [1, 2, 3]) writeFileSync(join(site.home, `file${n}`), `the content of file ${n}`)
    fill(site.home)
    await site.night()
    return site
  }

  get home(): string {
    return join(this.server.folder, 'home')
  }

  get disk(): string {
    return join(this.server.folder, 'disk')
  }

  mirror(path: string): string {
    return join(this.disk, 'home', path)
  }

  get archive(): string {
    const day = readdirSync(this.disk).find((name) => (weekdays as readonly string[]).includes(name)) ?? ''
    return join(this.disk, day, 'home.tar.zst')
  }

  /** What was touched before a night begins is older than that night. */
  async night(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 30))
    await backUp(this.server, { sources: ['home'] })
  }

  /** When each restore point was proven, as `hdsync backups` shows it. */
  async proven(): Promise<(string | undefined)[]> {
    const io = printed()
    await backupsCommand('home', { config: this.server.config, json: true }, io)
    return JSON.parse(io.out).map(({ provenAt }: { provenAt?: string }) => provenAt ?? undefined)
  }

  /** @param during Called with each event as it is told. */
  async verify(
    data: InputOf<typeof verifyStart> = {},
    during: (event: Envelope, engine: Engine, run: string) => void = () => {},
  ): Promise<Verified> {
    const config = await loadConfig({ path: this.server.config, env: {} })
    const engine = await openEngine({ config })
    if (!engine) throw new Error('another hdsync is at work')
    try {
      await engine.start()
      const run = await engine.trigger(verifyStart, { sources: ['home'], ...data })
      engine.listen({ onEvent: (event) => during(event, engine, run) })
      await engine.ended(run)
      await engine.dispatcher.idle()
      const events = engine.bus.events({ runId: run })
      const end = events.at(-1)?.data as InputOf<typeof verifyFinished>
      return { end, events }
    } finally {
      await engine.stop()
    }
  }
}

interface Verified {
  end: InputOf<typeof verifyFinished>
  events: readonly Envelope[]
}

const of = ({ events }: Verified, type: string) =>
  events.flatMap((event) => (event.type === type ? [event.data as Record<string, unknown>] : []))

/** Changes one byte, and nothing that can be seen without reading it. */
function rot(path: string, at = 4): void {
  const keep = join(temporaryFolder(), 'time')
  execFileSync('touch', ['-r', path, keep])
  execFileSync('dd', [`of=${path}`, 'bs=1', `seek=${at}`, 'conv=notrunc', 'status=none'], { input: '#' })
  execFileSync('touch', ['-r', keep, path])
}

const text = (path: string) => readFileSync(path, 'utf8')

test('a verification reads everything once, and finds it good', async () => {
  const site = await Site.make()
  const { end, events } = await site.verify()
  expect(end).toMatchObject({
    state: 'succeeded',
    archives: 1,
    files: 4,
    healed: 0,
    damaged: [],
    reason: null,
  })
  expect(events.map(({ type }) => type)).toEqual([
    ...['verify.start', 'verify.next', 'verify.mirror', 'mirror.proven', 'verify.next'],
    ...['verify.archive', 'archive.proven', 'verify.next', 'verify.finish', 'verify.finished'],
  ])
  const { archives, mirror } = readLedger(site.disk, 'home')
  expect(archives).toHaveLength(1)
  expect(mirror).toMatchObject({ cursor: null, files: 4 })
})

describe('the mirror of a source without archives', () => {
  const alone = (fill?: (home: string) => void) => Site.make(fill, '')

  /** When the mirror was proven, as `hdsync backups` and `hdsync status` show it, and what its disk tells. */
  async function standing(site: Site) {
    const io = printed()
    await statusCommand({ config: site.server.config, json: true }, io)
    const home = JSON.parse(io.out).sources.find(({ source }: { source: string }) => source === 'home')
    const { unproven } = readLedger(site.disk, 'home').mirror ?? {}
    return { backups: (await site.proven())[0], status: home.provenAt, unproven }
  }

  test('is compared with the source, and what that has changed since is not called proven', async () => {
    const site = await alone((home) => {
      mkdirSync(join(home, 'sub'))
      writeFileSync(join(home, 'sub', 'odd \n\\name'), 'odd')
    })
    const found = await site.verify()
    expect(found.end).toMatchObject({ state: 'succeeded', archives: 0, files: 5, unproven: 0, reason: null })
    expect(found.end.bytes).toBeGreaterThan(0)
    const provenAt = readLedger(site.disk, 'home').mirror?.provenAt
    expect(await standing(site)).toEqual({ backups: provenAt, status: provenAt, unproven: undefined })
    writeFileSync(join(site.home, 'file1'), 'changed since')
    rmSync(join(site.home, 'file2'))
    const again = await site.verify()
    expect(again.end).toMatchObject({ state: 'succeeded', files: 3, unproven: 2 })
    expect(of(again, 'mirror.proven')).toMatchObject([{ complete: true, unproven: 2 }])
    expect((await site.proven())[0]).toBeUndefined()
  })

  test('that differs is named with its source, and nothing is changed', async () => {
    const site = await alone()
    rot(site.mirror('file2'))
    const found = await site.verify()
    expect(found.end).toMatchObject({ state: 'degraded', healed: 0, doubtful: 1 })
    const [doubt] = of(found, mirrorDoubtful.type)
    expect(doubt).toMatchObject({ paths: ['file2'], mirror: site.mirror(''), live: site.home })
    expect(text(site.mirror('file2'))).toBe('the #ontent of file 2')
    expect(text(join(site.home, 'file2'))).toBe('the content of file 2')
    expect(await standing(site)).toEqual({ backups: undefined, status: null, unproven: 1 })
    await site.night()
    await site.verify()
    const provenAt = readLedger(site.disk, 'home').mirror?.provenAt
    expect(await standing(site)).toEqual({ backups: provenAt, status: provenAt, unproven: undefined })
  })

  test('that has lost a file is not proven, until the next copy has brought it back', async () => {
    const site = await alone((home) => {
      mkdirSync(join(home, 'sub'))
      writeFileSync(join(home, 'sub', 'file'), 'in the folder')
    })
    rmSync(site.mirror('sub'), { recursive: true })
    const found = await site.verify()
    expect(found.end).toMatchObject({ state: 'degraded', doubtful: 0, unproven: 2 })
    expect(found.end.reason).toBe(
      'the mirror of home has lost entries since the last copy, which the next one brings back: 2',
    )
    expect(await standing(site)).toEqual({ backups: undefined, status: null, unproven: 2 })
    await site.night()
    expect(text(site.mirror('sub/file'))).toBe('in the folder')
    expect((await site.verify()).end).toMatchObject({ state: 'succeeded', unproven: 0 })
    expect(await standing(site)).toMatchObject({ unproven: undefined, status: expect.any(String) })
  })

  test('from which a copy that failed has deleted something has lost nothing', () => {
    const counts = { filesTransferred: 0, bytesTransferred: 0, filesDeleted: 0 }
    const counted = { files: 7, notCopied: 2, exclude: '' }
    const synced = {
      type: 'source.synced',
      data: { source: 'home', mirror: 'disk 1', ...counts, counted },
    }
    const entries = (newest: object, mirror?: string) => entriesLeft(newest as Envelope, mirror)
    expect(entries(synced, 'disk 1')).toBe(7)
    expect(entries(synced, 'disk 2')).toBeUndefined()
    expect(entries({ type: 'sync.run', data: {} }, 'disk 1')).toBeUndefined()
    expect(entriesLeft(undefined, 'disk 1')).toBeUndefined()
  })

  test('of which a file changes while it is read is not proven', async () => {
    const site = await alone((home) => writeFileSync(join(home, 'large'), Buffer.alloc(50_000_000)))
    const changing = setInterval(() => chmodSync(site.mirror('large'), 0o644), 1)
    try {
      const found = await site.verify()
      expect(found.end).toMatchObject({ state: 'succeeded', files: 4, unproven: 1 })
    } finally {
      clearInterval(changing)
    }
    expect(await standing(site)).toEqual({ backups: undefined, status: null, unproven: 1 })
  })

  test('is gone on with at the next file, and then from the beginning', async () => {
    const site = await alone()
    const counts: number[] = []
    for (let n = 0; n < 5; n += 1) counts.push((await site.verify({ bytes: 1 })).end.files)
    // The fifth is the first of the next turn.
    expect(counts).toEqual([1, 1, 1, 1, 1])
    expect((await site.verify()).end.files).toBe(3)
  })

  test('that was never made is passed over, and one that is gone is told of', async () => {
    const site = await alone()
    expect((await site.verify({ sources: ['www'] })).end).toMatchObject({ state: 'succeeded', files: 0 })
    rmSync(site.mirror(''), { recursive: true })
    const { end } = await site.verify()
    expect(end).toMatchObject({ state: 'degraded', files: 0 })
    expect(end.reason).toContain('the mirror of home is not compared: it is gone')
  })
})

describe('a mirror with a file that has rotted', () => {
  test('gets it back from the source, with everything else as it was', async () => {
    const site = await Site.make((home) => {
      execFileSync('chmod', ['640', join(home, 'file2')])
      execFileSync('touch', ['-d', '2020-02-02 02:02:02.123456789', join(home, 'file2')])
    })
    rot(site.mirror('file2'))
    const found = await site.verify()
    expect(found.end).toMatchObject({ state: 'degraded', healed: 1, damaged: [], doubtful: 0 })
    expect(of(found, mirrorHealed.type)).toEqual([{ source: 'home', count: 1, paths: ['file2'] }])
    expect(text(site.mirror('file2'))).toBe('the content of file 2')
    const facts = (path: string) => {
      const { mode, uid, gid, mtimeNs } = lstatSync(path, { bigint: true })
      return [mode, uid, gid, mtimeNs]
    }
    expect(facts(site.mirror('file2'))).toEqual(facts(join(site.home, 'file2')))
    expect(facts(site.mirror(''))).toEqual(facts(site.home))
    expect((await site.verify()).end).toMatchObject({ state: 'succeeded', healed: 0 })
    await site.night()
    expect((await site.verify()).end).toMatchObject({ state: 'succeeded', healed: 0 })
  })

  test('keeps its hard links', async () => {
    const site = await Site.make((home) => {
      mkdirSync(join(home, 'sub'))
      writeFileSync(join(home, 'sub', 'one'), 'a file with several names')
      for (const name of ['two', 'sub/three']) linkSync(join(home, 'sub', 'one'), join(home, name))
    })
    rot(site.mirror('two'))
    expect((await site.verify()).end).toMatchObject({ state: 'degraded', healed: 1 })
    const inodes = ['two', 'sub/one', 'sub/three'].map((name) => lstatSync(site.mirror(name)).ino)
    expect(new Set(inodes).size).toBe(1)
    expect(lstatSync(site.mirror('two')).nlink).toBe(3)
    expect(text(site.mirror('sub/three'))).toBe('a file with several names')
  })

  test.each([
    ['is gone from the source', (home: string) => rmSync(join(home, 'file2'))],
    ['is another one in the source by now', (home: string) => writeFileSync(join(home, 'file2'), 'changed')],
    ['was touched in the source', (home: string) => execFileSync('touch', [join(home, 'file2')])],
  ])('is left alone where the file %s: both are named', async (_, change) => {
    const site = await Site.make()
    rot(site.mirror('file2'))
    change(site.home)
    const found = await site.verify()
    expect(found.end).toMatchObject({ state: 'degraded', healed: 0, damaged: [], doubtful: 1 })
    const [doubt] = of(found, mirrorDoubtful.type)
    expect(doubt).toMatchObject({
      count: 1,
      paths: ['file2'],
      mirror: site.mirror(''),
      archive: site.archive,
    })
    expect(text(site.mirror('file2'))).toBe('the #ontent of file 2')
  })

  test('of which many have, has none left', async () => {
    const many = isNightly ? 100 : 12
    const names = Array.from({ length: many }, (_, n) => `sub/many ${n}`)
    const site = await Site.make((home) => {
      mkdirSync(join(home, 'sub'))
      for (const name of names) writeFileSync(join(home, name), `this is ${name}`)
    })
    for (const name of names) rot(site.mirror(name))
    expect((await site.verify()).end).toMatchObject({ state: 'degraded', healed: many, doubtful: 0 })
    for (const name of names) expect(text(site.mirror(name))).toBe(`this is ${name}`)
  })

  test('and any name', async () => {
    const names = ['- a', 'line\nbreak', '* ?', 'ümlaut', '$(id)'].map((name) => Buffer.from(name))
    names.push(Buffer.from([0x66, 0xff, 0xfe]))
    const at = (folder: string, name: Buffer) => Buffer.concat([Buffer.from(`${folder}/`), name])
    const site = await Site.make((home) => {
      for (const name of names) writeFileSync(at(home, name), 'a hostile name')
    })
    for (const name of names) {
      const path = at(site.mirror(''), name)
      const { mtime } = lstatSync(path)
      const aside = site.mirror('.aside')
      renameSync(path, aside)
      execFileSync('touch', ['-r', aside, `${aside}.time`])
      writeFileSync(aside, 'a hostile bite')
      execFileSync('touch', ['-r', `${aside}.time`, aside])
      rmSync(`${aside}.time`)
      renameSync(aside, path)
      expect(lstatSync(path).mtime).toEqual(mtime)
    }
    expect((await site.verify()).end).toMatchObject({ healed: names.length })
    for (const name of names) expect(readFileSync(at(site.mirror(''), name), 'utf8')).toBe('a hostile name')
  })
})

test('a link in the place of a folder of the mirror leads nowhere', async () => {
  const site = await Site.make((home) => {
    mkdirSync(join(home, 'sub'))
    writeFileSync(join(home, 'sub', 'file'), 'in the folder')
  })
  const elsewhere = join(site.server.folder, 'elsewhere')
  renameSync(site.mirror('sub'), elsewhere)
  rot(join(elsewhere, 'file'))
  symlinkSync(elsewhere, site.mirror('sub'))
  expect((await site.verify()).end).toMatchObject({ healed: 0, doubtful: 0 })
  expect(text(join(elsewhere, 'file'))).toContain('#')
})

test('what was changed in order is no alarm', async () => {
  const site = await Site.make()
  writeFileSync(join(site.home, 'file1'), 'changed since the night')
  expect((await site.verify()).end).toMatchObject({ state: 'succeeded' })
  await site.night()
  writeFileSync(join(site.home, 'file2'), 'changed since')
  rmSync(join(site.home, 'file3'))
  expect((await site.verify()).end).toMatchObject({ state: 'succeeded' })
})

describe('an archive with a flipped byte', () => {
  test('is damaged, and nothing is built on it; the next night writes it anew', async () => {
    const site = await Site.make()
    rot(site.archive, 200)
    const found = await site.verify()
    expect(found.end).toMatchObject({ state: 'degraded', damaged: [site.archive] })
    expect(of(found, 'archive.damaged')).toMatchObject([{ source: 'home', path: site.archive }])
    const again = await site.verify()
    expect(again.end).toMatchObject({ state: 'degraded', damaged: [], known: [site.archive], archives: 0 })
    const { ino } = lstatSync(site.archive)
    await site.night()
    expect(lstatSync(site.archive).ino).not.toBe(ino)
    execFileSync('zstd', ['-qt', site.archive])
    expect((await site.verify()).end).toMatchObject({ state: 'succeeded', archives: 1, files: 4 })
  })

  test('is found also when its time was changed with it', async () => {
    const site = await Site.make()
    execFileSync('dd', [`of=${site.archive}`, 'bs=1', 'seek=200', 'conv=notrunc', 'status=none'], {
      input: '#',
    })
    expect((await site.verify()).end).toMatchObject({ state: 'degraded', damaged: [site.archive] })
  })

  test('and its mirror with a rotten file: each is found', async () => {
    const site = await Site.make()
    rot(site.archive, 200)
    rot(site.mirror('file3'))
    const { end } = await site.verify()
    expect(end).toMatchObject({ state: 'degraded', damaged: [site.archive] })
    // Whether the archive could still tell, decides what becomes of the file; it is never passed over.
    expect((end.healed ?? 0) + (end.doubtful ?? 0)).toBe(1)
  })
})

test('an archive of which nothing is on record is proven from now on', async () => {
  const site = await Site.make()
  rmSync(join(site.disk, '.hdsync-proof'), { recursive: true })
  rmSync(join(site.server.folder, 'state'), { recursive: true })
  const first = await site.verify()
  expect(of(first, 'archive.proven')).toMatchObject([{ path: site.archive, isNew: true }])
  const second = await site.verify()
  expect(of(second, 'archive.proven')).toMatchObject([{ path: site.archive, isNew: false }])
  rot(site.archive, 200)
  expect((await site.verify()).end).toMatchObject({ damaged: [site.archive] })
})

test('a verification that is cancelled goes on where it was the next time', async () => {
  const names = Array.from({ length: 40 }, (_, n) => `many${String(n).padStart(2, '0')}`)
  const site = await Site.make((home) => {
    for (const name of names) writeFileSync(join(home, name), Buffer.alloc(300_000, name))
  })
  const first = await site.verify({ bytes: 3_000_000 })
  expect(first.end).toMatchObject({ state: 'succeeded', archives: 0, files: 14 })
  const { mirror } = readLedger(site.disk, 'home')
  expect(Buffer.from(mirror?.cursor ?? '', 'base64').toString()).toBe('many09')
  const cancelled = await site.verify({}, (event, engine, run) => {
    if (event.type === 'verify.mirror') void engine.cancel(run, 'for a test')
  })
  expect(cancelled.end).toMatchObject({ state: 'cancelled', reason: 'for a test' })
  const last = await site.verify()
  expect(last.end).toMatchObject({ state: 'succeeded', archives: 1 })
  expect((cancelled.end.files ?? 0) + (last.end.files ?? 0)).toBe(names.length - 10)
})

test('a backup that is asked for has a verification make way', async () => {
  const site = await Site.make()
  let asked: Promise<string> | undefined
  const { end } = await site.verify({}, (event, engine) => {
    if (event.type !== 'verify.mirror' || asked) return
    asked = engine
      .submit({ type: 'backup.start', source: '/test', data: { sources: ['home'] } })
      .then(({ runId }) => runId)
  })
  expect(end.state).toBe('cancelled')
  expect(await asked).toBeDefined()
  expect(existsSync(site.archive)).toBe(true)
})

test('what is damaged is shown by backups and status, also from the disk alone', async () => {
  const site = await Site.make()
  await site.verify()
  const shown = async (options: { disk?: string }) => {
    const io = printed()
    await backupsCommand('home', { config: site.server.config, json: true, ...options }, io)
    return JSON.parse(io.out) as { kind: string; provenAt?: string; damaged?: string }[]
  }
  const [mirror] = await shown({})
  expect(mirror).toMatchObject({ kind: 'mirror', provenAt: expect.any(String) })
  rot(site.archive, 200)
  await site.verify()
  for (const options of [{}, { disk: site.disk }]) {
    const archive = (await shown(options)).find(({ kind }) => kind === 'weekday')
    expect(archive?.damaged).toBe('it does not read back as it was written')
  }
  const io = printed()
  expect(await statusCommand({ config: site.server.config }, io)).toBe(3)
  expect(io.out).toContain(`damaged: ${site.archive}`)
})

test('a run that is over reads backups again once it is time for that, and ends as it would have', async () => {
  const site = await Site.make()
  const io = printed()
  const options = { config: site.server.config, json: true }
  expect(await runCommand(['home'], options, io)).toBe(0)
  expect(io.err).toContain('mirror compared: 4 files')
  expect(JSON.parse(io.out)).toMatchObject({ kind: 'backup', state: 'succeeded' })
  const again = printed()
  expect(await runCommand(['home'], options, again)).toBe(0)
  expect(again.err).not.toContain('compares the mirror')
})

test('the daemon reads backups again once a night is over', async () => {
  const site = await Site.make()
  const config = await loadConfig({ path: site.server.config, env: {} })
  const engine = await openEngine({ config, schedules: true })
  if (!engine) throw new Error('another hdsync is at work')
  const ended = Promise.withResolvers<Envelope>()
  engine.listen({
    onEvent: (event) => {
      if (event.type === 'verify.finished') ended.resolve(event)
    },
  })
  try {
    await engine.start()
    const night = await engine.trigger(backupStart, { sources: ['home'] })
    const { data, runid } = await ended.promise
    expect(data).toMatchObject({ state: 'succeeded', archives: 1 })
    expect(runid).not.toBe(night)
    // Not again before a day has passed.
    await engine.ended(await engine.trigger(backupStart, { sources: ['home'] }))
    await engine.dispatcher.idle()
    expect(engine.bus.events({ types: [verifyStart.type] })).toHaveLength(1)
  } finally {
    await engine.stop()
  }
})
