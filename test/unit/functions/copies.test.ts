import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { backupStart, type Envelope } from '../../../events/index.ts'
import { openEngine } from '../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { systemClock } from '../../../runtime/core/clock.ts'
import { archiveFile } from '../../../runtime/host/archive/archive-file.ts'
import { proveCopy } from '../../../runtime/host/copies/prove-copy.ts'
import { linkCopy, sendArchive } from '../../../runtime/host/copies/send-archive.ts'
import { noteArchive, readLedger, writeLedger } from '../../../runtime/host/proof/ledger.ts'
import { writeMarker } from '../../../runtime/host/target/marker.ts'
import { copySamples } from '../../../runtime/http/metrics/copies.ts'
import { dateOf, weekdays } from '../../../runtime/weekday.ts'
import { program } from '../program.ts'
import { backUp, makeServer } from '../runtime/cli/night.ts'
import { recordingRunner } from '../runtime/host/runner.ts'
import { CopySite, digest } from './copy-site.ts'

/** A server whose archives are copied to a second disk, after a night. */
async function made({ copy = '{ target: usb }', more = '', yesterday = false } = {}): Promise<Site> {
  const server = await makeServer(`archive: { target: disk }\ncopies: { stick: ${copy} }\n${more}`)
  const text = readFileSync(server.config, 'utf8')
  writeFileSync(server.config, text.replace('/disk }\n', `/disk }\n  usb: { path: ${server.folder}/usb }\n`))
  mkdirSync(join(server.folder, 'usb'), { mode: 0o700 })
  await writeMarker(join(server.folder, 'usb'), 'usb', 0)
  // Of a night before that one the record alone is left: the two agree on the time.
  if (yesterday) await backUp(server, {}, { ...systemClock, now: () => Date.now() - 86_400_000 })
  for (const day of weekdays) rmSync(join(server.folder, 'disk', day), { recursive: true, force: true })
  await backUp(server)
  return new Site(server)
}

class Site extends CopySite {
  /** What lies on the second disk: `2026-11-22/home.tar.zst`. */
  copies(): string[] {
    const kept = this.at('usb', 'kept')
    return existsSync(kept)
      ? (readdirSync(kept, { recursive: true }) as string[]).filter((name) => name.includes('/')).sort()
      : []
  }
}

const today = () => dateOf(Date.now())

test('a first copy has every archive, proven, and nothing else lies beside it', async () => {
  const site = await made()
  const events = await site.run()
  expect(events.map(({ type }) => type)).toEqual([
    ...['copy.start', 'copy.offer', 'copy.send', 'copy.prove', 'copy.proved', 'copy.offer'],
    ...[
      'copy.send',
      'copy.prove',
      'copy.proved',
      'copy.offer',
      'copy.kept',
      'copy.kept',
      'copy.finish',
      'copy.finished',
    ],
  ])
  expect(site.copies()).toEqual([`${today()}/home.tar.zst`, `${today()}/www.tar.zst`])
  for (const source of ['home', 'www']) {
    const copy = site.at('usb/kept', today(), `${source}.tar.zst`)
    expect(digest(copy)).toBe(digest(site.archive(source)))
    expect(Math.floor(lstatSync(copy).mtimeMs)).toBe(Math.floor(lstatSync(site.archive(source)).mtimeMs))
  }
  expect(events.at(-1)?.data).toMatchObject({
    state: 'succeeded',
    copies: [{ copy: 'stick', state: 'succeeded', archives: 2, waiting: 0, error: null }],
  })
})

test('what is there already is not sent again', async () => {
  const site = await made()
  await site.run()
  const types = (await site.run()).map(({ type }) => type)
  expect(types).not.toContain('copy.send')
  expect(types).not.toContain('copy.prove')
})

test('after days away the newest archive comes first, and an unchanged one becomes a further name', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  const [one, two, three] = [site.older(3, 'three'), site.older(2, 'two'), site.older(1, 'two')]
  rmSync(site.at('disk/kept', three, 'home.tar.zst'))
  execFileSync('cp', [
    '-p',
    site.at('disk/kept', two, 'home.tar.zst'),
    site.at('disk/kept', three, 'home.tar.zst'),
  ])
  expect((await site.hdsync('verify', '-q')).exitCode).toBe(0)
  const sent = (await site.run())
    .filter(({ type }) => type === 'copy.proved')
    .map(({ data }) => data as { to: string; linked: boolean })
  expect(sent.map(({ to }) => basename(dirname(to)))).toEqual([today(), three, two, one])
  expect(sent.map(({ linked }) => linked)).toEqual([false, false, true, false])
  expect(lstatSync(site.at('usb/kept', two, 'home.tar.zst')).ino).toBe(
    lstatSync(site.at('usb/kept', three, 'home.tar.zst')).ino,
  )
})

test('`keep` sends nothing that it would remove, and removes what is too old, once the new one stands', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home], keep: { daily: 2, atLeast: 1 } }' })
  for (const days of [3, 2, 1]) site.older(days, `of ${days}`)
  await site.hdsync('verify', '-q')
  await site.run()
  const night = (days: number) => `${dateOf(Date.now() - days * 86_400_000)}/home.tar.zst`
  expect(site.copies()).toEqual([night(1), night(0)])
})

test('a disk that is not there is passed over, and is a failure where it is named', async () => {
  const site = await made()
  renameSync(site.at('usb'), site.at('away'))
  const absent = await site.copy()
  expect(absent).toMatchObject({ exitCode: 3, state: 'degraded', copies: [{ state: 'absent' }] })
  expect(await site.copy('stick')).toMatchObject({ exitCode: 1, state: 'failed' })
  renameSync(site.at('away'), site.at('usb'))
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ state: 'succeeded', archives: 2 }] })
})

test('an archive that has rotted is not copied as if it were good; the others are', async () => {
  const site = await made()
  execFileSync('touch', ['-r', site.archive(), site.at('time')])
  execFileSync('dd', [`of=${site.archive()}`, 'bs=1', 'seek=40', 'conv=notrunc', 'status=none'], {
    input: '#',
  })
  execFileSync('touch', ['-r', site.at('time'), site.archive()])
  const result = await site.copy()
  expect(result).toMatchObject({ exitCode: 1, state: 'failed', copies: [{ archives: 1, waiting: 1 }] })
  expect(result.error).toContain('is not what was written')
  expect(site.copies()).toEqual([`${today()}/www.tar.zst`])
})

test('one that is cancelled in the middle goes on where it was', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${site.at('home', 'large')}`,
    'bs=1M',
    'count=90',
    'status=none',
  ])
  await backUp(site.server, { sources: ['home'] })
  const size = lstatSync(site.archive()).size
  let isCancelled = false
  await site.run((event, engine, run) => {
    if (event.type !== 'copy.send') return
    const look = setInterval(() => {
      const [part] = site.copies()
      if (isCancelled || !part || lstatSync(site.at('usb/kept', part)).size < 8 * 1024 ** 2) return
      isCancelled = true
      clearInterval(look)
      engine.cancel(run, 'test')
    }, 1)
  })
  expect(isCancelled).toBe(true)
  const [part = ''] = site.copies()
  expect(part).toMatch(/\.hdsync-part$/)
  expect(lstatSync(site.at('usb/kept', part)).size).toBeLessThan(size)
  await site.run()
  expect(site.copies()).toEqual([`${today()}/home.tar.zst`])
  expect(digest(site.at('usb/kept', today(), 'home.tar.zst'))).toBe(digest(site.archive()))
})

test('a part that holds something else is never taken for a copy: it is sent anew', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  const sha256 = digest(site.archive())
  mkdirSync(site.at('usb/kept', today()), { recursive: true })
  const part = site.at('usb/kept', today(), `.home.tar.zst.${sha256.slice(0, 16)}.hdsync-part`)
  writeFileSync(part, 'something else')
  truncateSync(part, lstatSync(site.archive()).size)
  await site.run()
  expect(digest(site.at('usb/kept', today(), 'home.tar.zst'))).toBe(sha256)
})

test('copies that were carried there are read, and count; one that is something else is replaced', async () => {
  const site = await made()
  mkdirSync(site.at('usb/kept', today()), { recursive: true })
  execFileSync('cp', [site.archive('home'), site.at('usb/kept', today(), 'home.tar.zst')])
  writeFileSync(
    site.at('usb/kept', today(), 'www.tar.zst'),
    Buffer.alloc(lstatSync(site.archive('www')).size),
  )
  const types = (await site.run()).map(({ type }) => type)
  expect(types.filter((type) => type === 'copy.send')).toHaveLength(1)
  for (const source of ['home', 'www'])
    expect(digest(site.at('usb/kept', today(), `${source}.tar.zst`))).toBe(digest(site.archive(source)))
})

test('what another night of the day has written takes the place of the copy', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }', yesterday: true })
  await site.run()
  writeFileSync(site.at('home', 'more'), 'more')
  await backUp(site.server, { sources: ['home'] })
  await site.run()
  expect(site.copies()).toEqual([`${today()}/home.tar.zst`])
  expect(digest(site.at('usb/kept', today(), 'home.tar.zst'))).toBe(digest(site.archive()))
})

test('no copy is replaced while the clock may have jumped', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  await site.run()
  const before = digest(site.at('usb/kept', today(), 'home.tar.zst'))
  writeFileSync(site.at('home', 'more'), 'more')
  await backUp(site.server, { sources: ['home'] })
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 0, waiting: 0 }] })
  expect(digest(site.at('usb/kept', today(), 'home.tar.zst'))).toBe(before)
})

test('copies of a night in two forms stand beside each other, and nothing is copied again', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }', yesterday: true })
  await site.run()
  const other = site.at('usb/kept', today(), 'home.tar.gz')
  execFileSync('tar', ['-czf', other, '-C', site.at(), 'www'])
  const { file = '', sizeBytes = 0 } = (await archiveFile(other)) ?? {}
  const provenAt = new Date().toISOString()
  noteArchive(site.at('usb'), 'home', { file, sizeBytes, sha256: digest(other), provenAt })
  expect((await site.run()).map(({ type }) => type)).not.toContain('copy.send')
  expect(site.copies()).toEqual([`${today()}/home.tar.gz`, `${today()}/home.tar.zst`])
})

test('a copy that is gone again as soon as it is proven is not copied for ever', async () => {
  const site = await made()
  const events = await site.run(({ type, data }) => {
    if (type === 'copy.proved') rmSync((data as { to: string }).to)
  })
  expect(events.filter(({ type }) => type === 'copy.proved')).toHaveLength(2)
  expect(events.at(-1)).toMatchObject({
    type: 'copy.failed',
    data: { reason: expect.stringContaining('does not count as copied'), copies: [{ waiting: 2 }] },
  })
})

/** Notes of all copies on the second disk that they were last read so many days ago. */
function readBefore(site: Site, days: number): void {
  const provenAt = new Date(Date.now() - days * 86_400_000).toISOString()
  const { archives, ...rest } = readLedger(site.at('usb'), 'home')
  writeLedger(site.at('usb'), 'home', { ...rest, archives: archives.map((one) => ({ ...one, provenAt })) })
}

/** Changes a byte of a copy as a disk does: its time stays. */
function rot(path: string): void {
  const { mtimeMs } = lstatSync(path)
  execFileSync('cp', ['-p', path, `${path}.time`])
  execFileSync('dd', [`of=${path}`, 'bs=1', 'seek=40', 'conv=notrunc', 'status=none'], { input: '#' })
  execFileSync('touch', ['-r', `${path}.time`, path])
  rmSync(`${path}.time`)
  expect(lstatSync(path).mtimeMs).toBe(mtimeMs)
}

test('copies are read again, the longest unread first, a share of them in each run', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  for (const days of [1, 2]) site.older(days, `of ${days}`)
  await site.hdsync('verify', '-q')
  await site.run()
  const again = async () =>
    (await site.run())
      .filter(({ type }) => type === 'copy.prove')
      .map(({ data }) => (data as { to: string }).to)
  expect(await again()).toEqual([])
  readBefore(site, 6)
  expect(await again()).toEqual([])
  readBefore(site, 30)
  const read = [...(await again()), ...(await again()), ...(await again())]
  expect(read.toSorted()).toEqual(site.copies().map((name) => site.at('usb/kept', name)))
  expect(await again()).toEqual([])
})

test('a copy that has rotted is found as it is read again, told of, and sent again', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  await site.run()
  const copy = site.at('usb/kept', today(), 'home.tar.zst')
  rot(copy)
  expect(await site.copy()).toMatchObject({ state: 'succeeded' })
  readBefore(site, 8)
  expect(await site.copy()).toMatchObject({
    exitCode: 1,
    copies: [{ archives: 1, waiting: 0, error: expect.stringContaining('not read back any more') }],
  })
  expect(digest(copy)).toBe(digest(site.archive()))
  expect(await site.copy()).toMatchObject({ exitCode: 0 })
})

test('a copy that has rotted gets no further name: it is read first where that was long ago', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  await site.run()
  const night = dateOf(Date.now() - 86_400_000)
  mkdirSync(site.at('disk/kept', night), { recursive: true })
  const yesterday = (Date.now() - 86_400_000) / 1000
  const kept = site.at('disk/kept', night, 'home.tar.zst')
  execFileSync('cp', [site.archive(), kept])
  utimesSync(kept, yesterday, yesterday)
  await site.hdsync('verify', '-q')
  rot(site.at('usb/kept', today(), 'home.tar.zst'))
  readBefore(site, 8)
  expect(await site.copy()).toMatchObject({ exitCode: 1, copies: [{ archives: 2, waiting: 0 }] })
  for (const name of site.copies()) expect(digest(site.at('usb/kept', name))).toBe(digest(site.archive()))
  expect(site.copies()).toHaveLength(2)
})

test('a further name of a copy is never written to, and does not stay beside the copy', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  await site.run()
  const copy = site.at('usb/kept', today(), 'home.tar.zst')
  const sha256 = digest(copy)
  const target = (name: string) => ({ name, path: site.at(name), mounts: [], parallel: 1 })
  const { file = '', sizeBytes = 0 } = (await archiveFile(site.archive())) ?? {}
  const [from, to] = [target('disk'), target('usb')]
  const signal = new AbortController().signal
  const onProgress = () => {}
  const proving = { to, source: 'home', copy, sizeBytes, sha256 }

  expect(await linkCopy(to, copy, copy, sha256)).toBe(true)
  const tools = { runner: recordingRunner(signal).runner, signal, now: Date.now, onProgress }
  await proveCopy({ ...proving, as: 'linked' }, tools)
  expect(site.copies()).toEqual([`${today()}/home.tar.zst`])

  expect(await linkCopy(to, copy, copy, sha256)).toBe(true)
  const { ino } = lstatSync(copy)
  await sendArchive({ from, to, path: site.archive(), file, sizeBytes, sha256, copy }, { signal, onProgress })
  expect(lstatSync(copy)).toMatchObject({ ino, nlink: 1 })
  expect(digest(copy)).toBe(sha256)
})

test('a night is followed by copies, and status tells how they stand', async () => {
  const site = await made()
  expect((await site.hdsync('run', '-q')).exitCode).toBe(0)
  expect(site.copies()).toHaveLength(2)
  const { copies } = JSON.parse((await site.hdsync('status', '--json')).out)
  expect(copies).toMatchObject([
    {
      copy: 'stick',
      target: 'usb',
      mounted: true,
      state: 'succeeded',
      sources: [{ source: 'home', archives: 1, waiting: 0 }, { source: 'www' }],
    },
  ])
  expect((await site.hdsync('status')).out).toContain('copy stick: has every archive; had all just now')
  renameSync(site.at('usb'), site.at('away'))
  const away = JSON.parse((await site.hdsync('copies', '--json')).out)
  expect(away).toMatchObject([{ mounted: false, sources: [{ archives: 1, waiting: 0 }, { archives: 1 }] }])
  expect((await site.hdsync('copies')).out).toMatch(/COPY +STATE +HAD ALL +SOURCE/)
})

test('a place that has not had everything for too long is told of once, until it has', async () => {
  const site = await made({ copy: '{ target: usb, alert: { after: 1d } }' })
  renameSync(site.at('usb'), site.at('away'))
  const day = 86_400_000
  const told = async (days: number) => {
    const clock = { ...systemClock, now: () => Date.now() + days * day }
    return (await site.run(() => {}, clock))
      .filter(({ type }) => type === 'copy.overdue')
      .map(({ data }) => data)
  }
  expect(await told(0)).toEqual([])
  expect(await told(2)).toEqual([{ copy: 'stick', lastGoodAt: null, afterMs: day }])
  expect(await told(3)).toEqual([])
  renameSync(site.at('away'), site.at('usb'))
  expect(await told(4)).toEqual([])
  renameSync(site.at('usb'), site.at('away'))
  expect(await told(6)).toMatchObject([{ copy: 'stick', lastGoodAt: expect.any(String) }])
})

test('copies make way for a backup, which is not kept waiting', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${site.at('home', 'large')}`,
    'bs=1M',
    'count=90',
    'status=none',
  ])
  await backUp(site.server, { sources: ['home'] })
  let night: Promise<string> | undefined
  const events = await site.run((event, engine) => {
    if (event.type === 'copy.send') night ??= engine.trigger(backupStart, { sources: ['www'] })
  })
  const reason = expect.stringContaining('another run begins')
  expect(events.at(-1)).toMatchObject({ type: 'copy.finished', data: { state: 'cancelled', reason } })
  expect((await site.hdsync('show', (await night) ?? '', '--json')).out).toContain('"kind":"backup"')
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ archives: 1, waiting: 0 }] })
})

test('copies are restore points: listed, read and restored, also when nothing else is left', async () => {
  const site = await made()
  await site.run()
  const id = `home@stick-${today()}`
  const listed = async (...words: string[]) =>
    JSON.parse((await site.hdsync('backups', 'home', '--json', ...words)).out) as {
      id: string
      kind: string
      at: string
      provenAt: string
    }[]
  expect(await listed('--from', 'stick')).toMatchObject([
    { id, kind: 'copy', copy: 'stick', target: 'usb', provenAt: expect.any(String) },
  ])
  expect((await listed()).map(({ kind }) => kind).sort()).toEqual(['copy', 'mirror', 'weekday'])
  expect((await site.hdsync('ls', 'home', '--from', 'stick')).out).toBe('file\n')
  expect((await site.hdsync('ls', 'home', '--at', id)).out).toBe('file\n')
  expect((await site.hdsync('backups', '--from', 'nowhere')).exitCode).toBe(2)
  writeFileSync(site.at('home', 'file'), 'spoilt')
  rmSync(site.at('disk', 'home'), { recursive: true })
  rmSync(site.archive())
  const restored = await site.hdsync('restore', 'home', '--from', 'stick', '--to', site.at('back'), '-q')
  expect(restored).toMatchObject({ exitCode: 0 })
  expect(readFileSync(site.at('back', 'file'), 'utf8')).toBe('home')
  expect((await site.hdsync('restore', 'home:file', '--to', site.at('again'), '-q')).exitCode).toBe(0)
  expect(readFileSync(site.at('again', 'file'), 'utf8')).toBe('home')
  const [{ at } = { at: '' }] = await listed()
  renameSync(site.at('usb'), site.at('away'))
  expect(await listed()).toMatchObject([{ id, kind: 'copy', at }])
  const refused = await site.hdsync('restore', 'home', '--from', 'stick', '--to', site.at('third'), '-q')
  expect(refused).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining(`which has ${id}, cannot be read`),
  })
})

test('while something unusual is open no copy is replaced, and none is removed', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home], keep: { daily: 1, atLeast: 1 } }' })
  for (let n = 0; n < 200; n += 1) writeFileSync(site.at('home', `file${n}`), `${n}`)
  await backUp(site.server, { sources: ['home'] })
  await site.run()
  const before = digest(site.at('usb/kept', today(), 'home.tar.zst'))
  for (let n = 0; n < 200; n += 1) writeFileSync(site.at('home', `file${n}`), `encrypted ${n}`)
  await backUp(site.server, { sources: ['home'] })
  const events = await site.run()
  expect(events.map(({ type }) => type)).not.toContain('copy.send')
  expect(digest(site.at('usb/kept', today(), 'home.tar.zst'))).toBe(before)
  await backUp(site.server, { sources: ['home'] })
})

test('a disk that is full is said to be full, before anything is written, and nothing is removed', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  await site.run()
  const before = site.copies()
  const { path, file } = { path: site.archive(), file: (await archiveFile(site.archive()))?.file ?? '' }
  const target = (name: string) => ({ name, path: site.at(name), mounts: [], parallel: 1 })
  const sending = {
    from: target('disk'),
    to: target('usb'),
    path,
    file,
    sizeBytes: 1e15,
    sha256: 'f'.repeat(64),
  }
  const copy = site.at('usb/kept/2026-11-01/home.tar.zst')
  const tools = { signal: new AbortController().signal, onProgress: () => {} }
  await expect(sendArchive({ ...sending, copy }, tools)).rejects.toThrow(
    /target usb is full: .* takes 909.5 TiB/,
  )
  await site.run()
  expect(site.copies()).toEqual(before)
})

test('check is content with a disk that is away, and forget leaves what it has', async () => {
  const site = await made()
  await site.run()
  const idsOf = async () => {
    const { findings } = JSON.parse((await site.hdsync('check', '--json')).out) as {
      findings: { id: string; about: string }[]
    }
    return findings.filter(({ about }) => about === 'target usb').map(({ id }) => id)
  }
  expect(await idsOf()).toContain('target.ok')
  expect(await idsOf()).not.toContain('target.forgotten')
  writeFileSync(site.server.config, readFileSync(site.server.config, 'utf8').replace(/^ {2}www: .*\n/m, ''))
  expect(await idsOf()).not.toContain('target.forgotten')
  expect((await site.hdsync('forget', 'www', '--yes')).exitCode).toBe(0)
  expect(existsSync(site.archive('www'))).toBe(false)
  expect(site.copies()).toContain(`${today()}/www.tar.zst`)
  renameSync(site.at('usb'), site.at('away'))
  expect(await idsOf()).toEqual(['target.unplugged'])
})

test('kills at any moment leave nothing torn, and nothing that counts without being proven', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${site.at('home', 'large')}`,
    'bs=1M',
    'count=90',
    'status=none',
  ])
  await backUp(site.server, { sources: ['home'] })
  const sha256 = digest(site.archive())
  let seed = 20261129
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed / 0x7fffffff
  }
  const kills = Number(process.env.HDSYNC_KILLS ?? 4)
  for (let n = 0; n < kills; n += 1) {
    const child = spawn(program, ['copy', '--config', site.server.config, '-q'], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    await Promise.race([ended, setTimeout(300 + random() * 3000)])
    child.kill('SIGKILL')
    await ended
    const standing = site.copies().filter((name) => !basename(name).startsWith('.'))
    for (const name of standing) expect(digest(site.at('usb/kept', name))).toBe(sha256)
    const counted = readLedger(site.at('usb'), 'home').archives
    for (const one of counted) expect(one.sha256).toBe(sha256)
    if (standing.length === 0) continue
    // The next one has something to do again.
    for (const name of ['kept', '.hdsync-proof']) rmSync(site.at('usb', name), { recursive: true })
  }
  expect(await site.copy()).toMatchObject({ exitCode: 0, copies: [{ waiting: 0 }] })
  expect(site.copies()).toEqual([`${today()}/home.tar.zst`])
  expect(digest(site.at('usb/kept', today(), 'home.tar.zst'))).toBe(sha256)
})

test('copies that another process is at make way for a night as well', async () => {
  const site = await made({ copy: '{ target: usb, sources: [home] }' })
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${site.at('home', 'large')}`,
    'bs=1M',
    'count=90',
    'status=none',
  ])
  await backUp(site.server, { sources: ['home'] })
  const child = spawn(program, ['copy', '--config', site.server.config, '-q'], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  await expect.poll(() => site.copies().length, { timeout: 60_000, interval: 2 }).toBe(1)
  // It is held still, so that it cannot have ended before it is asked.
  child.kill('SIGSTOP')
  const night = site.hdsync('run', 'www', '-q')
  await expect.poll(() => existsSync(site.at('state', 'cancel')), { timeout: 60_000 }).toBe(true)
  child.kill('SIGCONT')
  expect((await night).exitCode).toBe(0)
  await ended
  const runs = JSON.parse((await site.hdsync('runs', '--kind', 'copy', '--json')).out) as { state: string }[]
  expect(runs.map(({ state }) => state)).toEqual(['succeeded', 'cancelled'])
})

test('the daemon copies after a night; metrics and hooks tell how it went', async () => {
  const site = await made({ more: '' })
  const heard = site.at('heard')
  writeFileSync(site.at('hook'), `#!/bin/sh\necho "$HDSYNC_EVENT" >> ${heard}\n`, { mode: 0o700 })
  const text = readFileSync(site.server.config, 'utf8')
  writeFileSync(site.server.config, `${text}notify: [{ exec: [${site.at('hook')}] }]\n`)
  await writeMarker(site.at('usb'), 'another', 0)
  const config = await loadConfig({ path: site.server.config, env: {} })
  const engine = await openEngine({ config, schedules: true })
  if (!engine) throw new Error('another hdsync is at work')
  try {
    await engine.start()
    const copied = Promise.withResolvers<Envelope>()
    engine.listen({
      onEvent: (event) =>
        event.type.startsWith('copy.f') && event.type !== 'copy.finish' && copied.resolve(event),
    })
    await engine.ended(await engine.trigger(backupStart, {}))
    expect((await copied.promise).data).toMatchObject({ copies: [{ copy: 'stick', state: 'failed' }] })
    await expect
      .poll(() => existsSync(heard) && readFileSync(heard, 'utf8'), { timeout: 60_000 })
      .toContain('copy.failed')
    const samples = copySamples(engine, ['stick'])
    expect(samples).toContainEqual({
      name: 'hdsync_copy_last_success_timestamp_seconds',
      labels: { copy: 'stick' },
      value: 0,
    })
  } finally {
    await engine.stop()
  }
  const { exitCode, out } = await site.hdsync('copies')
  expect(exitCode).toBe(1)
  expect(out).toContain('stick: failed')
  expect((await site.hdsync('status')).out).toContain('hdsync copy stick')
})
