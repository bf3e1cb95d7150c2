import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ArchivePlan } from '../../../../../../runtime/host/archive/archive-place.ts'
import { type Archives, createArchives } from '../../../../../../runtime/host/archive/archives.ts'
import { Catalogue } from '../../../../../../runtime/host/archive/catalogue/catalogue.ts'
import { Catalogues } from '../../../../../../runtime/host/archive/catalogue/catalogues.ts'
import type { EarlierArchive } from '../../../../../../runtime/host/archive/earlier-archive.ts'
import type { Entry } from '../../../../../../runtime/host/points/entry.ts'
import { Folder } from '../../../../../../runtime/host/target/safe-open.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { target } from '../../archive-plans.ts'
import { recordingRunner } from '../../runner.ts'

const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const
const { signal } = new AbortController()

/** A mirror, of which an archive is made day after day. */
class Week {
  readonly folder = temporaryFolder()
  readonly mirror = join(this.folder, 'hdd1', 'var')
  readonly disk = join(this.folder, 'hdd9')
  readonly state = join(this.folder, 'state')
  readonly #packing: Pick<ArchivePlan, 'compression' | 'level'>
  readonly archives: Archives
  readonly catalogues: Catalogues
  day = 0
  readonly #earlier: EarlierArchive[] = []
  /** What was in the mirror on each day. */
  readonly held: string[][] = []
  warnings: string[] = []

  constructor(compression: ArchivePlan['compression'] = 'zstd') {
    this.#packing = { compression, level: undefined }
    mkdirSync(this.mirror, { recursive: true })
    mkdirSync(this.disk)
    const { runner } = recordingRunner()
    const boots = { current: 'boot', inOrderSince: () => true }
    // Far enough from what was written for the clock of the file system to have gone on.
    const now = () => Date.now() + 10_000
    this.archives = createArchives({ runner, signal, boots, stateDirectory: this.state, now })
    this.catalogues = new Catalogues({ runner, stateDirectory: this.state })
  }

  put(name: string, contents: string | Buffer): void {
    const path = join(this.mirror, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
  }

  async archive({ isUnchanged = false } = {}): Promise<void> {
    const [from, to] = [target('hdd1', dirname(this.mirror)), target('hdd9', this.disk)]
    const plan = { from, to, source: 'var', weekday: days[this.day % 7] ?? '', ...this.#packing }
    this.day += 1
    if (isUnchanged) {
      const { archive, warnings } = await this.archives.reuse(plan, this.#earlier, () => {})
      expect(archive).toBeDefined()
      this.warnings = warnings ?? []
    } else {
      const { archive, warnings } = await this.archives.write(plan, () => {})
      this.warnings = warnings ?? []
      const { basis = '', file } = archive
      this.#earlier.unshift({ ...archive, basis, file, unchangedSince: '2026-01-01T00:00:00Z' })
    }
    this.held.push(treeOf(this.mirror))
  }

  catalogue(at = join(this.disk, '.hdsync-catalogue')): Catalogue {
    using folder = Folder.existing(at)
    const found = Catalogue.open(folder, 'var')
    if (!found) throw new Error(`there is no catalogue in ${at}`)
    return found
  }

  get copy(): string {
    return join(this.state, 'catalogues', 'hdd9')
  }

  /** The last seven days at most are there, and each is as it was, in the catalogue and in its copy. */
  expectRight(count = Math.min(this.day, 7)): void {
    for (const at of [undefined, this.copy]) {
      using catalogue = this.catalogue(at)
      const points = catalogue.points()
      expect(points.length).toBe(count)
      for (const [n, { seq, entries }] of points.entries()) {
        const held = this.held.at(n - points.length)
        const found = [...catalogue.entries(seq)]
        expect(found.map(lineOf).sort()).toEqual(held)
        expect(entries).toBe(held?.length)
        expectFoldersFirst(found)
      }
    }
  }
}

function lineOf({ path, type, sizeBytes, mtimeNs, mode, uid, gid, linkTo, sha256 }: Entry): string {
  const link = linkTo?.toString('hex') ?? '-'
  return [path.toString('hex'), type, sizeBytes, mtimeNs, mode, uid, gid, link, sha256 ?? '-'].join(' ')
}

/** A tree in the same words, as find(1) and the file system tell of it. */
function treeOf(root: string): string[] {
  const kinds: Record<string, string> = { f: 'file', d: 'directory', l: 'symlink', p: 'fifo' }
  const listed = execFileSync('find', [root, '-printf', '%P\\0%y %s %T@ %m %U %G\\0%l\\0'], {
    encoding: 'latin1',
    maxBuffer: 2 ** 28,
  })
  const words = listed.split('\0')
  const lines: string[] = []
  for (let at = 0; at + 2 < words.length; at += 3) {
    const [path = '', facts = '', link = ''] = words.slice(at, at + 3)
    const [kind = '', size = '', time = '', mode = '', uid = '', gid = ''] = facts.split(' ')
    const [seconds = '', fraction = ''] = time.split('.')
    const isFile = kind === 'f'
    const bytes = Buffer.from(path, 'latin1')
    const full = Buffer.concat([Buffer.from(`${root}/`), bytes])
    lines.push(
      [
        bytes.toString('hex'),
        kinds[kind],
        isFile ? size : 0,
        BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9)),
        Number.parseInt(mode, 8),
        uid,
        gid,
        kind === 'l' ? Buffer.from(link, 'latin1').toString('hex') : '-',
        isFile ? createHash('sha256').update(readFileSync(full)).digest('hex') : '-',
      ].join(' '),
    )
  }
  return lines.sort()
}

function expectFoldersFirst(entries: readonly Entry[]): void {
  const seen = new Set<string>()
  for (const { path, type } of entries) {
    const name = path.toString('latin1')
    if (name !== '') expect(seen).toContain(name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '')
    if (type === 'directory') seen.add(name)
  }
}

/** A mirror with everything in it that is archived in a way of its own. */
function manyKinds(week: Week): void {
  for (let n = 0; n < 40; n += 1) week.put(`folder${n % 4}/file${n}`, `contents of ${n}\n`.repeat(n))
  week.put('large', Buffer.alloc(3 * 1024 ** 2, 'not so easily packed'))
  week.put('sparse', 'begins')
  truncateSync(join(week.mirror, 'sparse'), 2 * 1024 ** 2)
  week.put('shared/one name', 'of two')
  linkSync(join(week.mirror, 'shared', 'one name'), join(week.mirror, 'shared', 'another name'))
  symlinkSync('to somewhere', join(week.mirror, 'link'))
  execFileSync('mkfifo', [join(week.mirror, 'fifo')])
}

describe.each(['zstd', 'gzip', 'none'] as const)('the catalogue of archives, with %s', (compression) => {
  test('knows what is in each of them, through more than a week', async () => {
    const week = new Week(compression)
    manyKinds(week)
    for (let day = 0; day < 9; day += 1) {
      week.put(`folder${day % 4}/file${day}`, `changed on day ${day}`)
      week.put(`new${day}`, 'x')
      if (day > 2) rmSync(join(week.mirror, `new${day - 2}`))
      if (day === 4) chmodSync(join(week.mirror, 'folder1'), 0o700)
      if (day === 5) appendFileSync(join(week.mirror, 'shared', 'one name'), ', changed')
      await week.archive()
      expect(week.warnings).toEqual([])
      week.expectRight()
    }
  })

  test('has one row more after a night in which nothing has changed', async () => {
    const week = new Week(compression)
    manyKinds(week)
    await week.archive()
    await week.archive()
    const size = statSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite')).size
    await week.archive({ isUnchanged: true })
    expect(week.warnings).toEqual([])
    expect(statSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite')).size).toBe(size)
    week.expectRight()
  })

  test('is made anew from the archives alone, and goes on from there', async () => {
    const week = new Week(compression)
    manyKinds(week)
    await week.archive()
    week.put('folder2/file2', 'changed')
    await week.archive()
    await week.archive({ isUnchanged: true })
    rmSync(join(week.disk, '.hdsync-catalogue'), { recursive: true })
    rmSync(week.copy, { recursive: true })
    expect(await week.catalogues.rebuild({ target: target('hdd9', week.disk), source: 'var' })).toEqual([])
    week.expectRight()
    week.put('folder3/file3', 'changed')
    await week.archive()
    expect(week.warnings).toEqual([])
    week.expectRight()
    rmSync(join(week.mirror, 'folder1'), { recursive: true })
    await week.archive()
    week.expectRight()
  })
})

test('names of any bytes come out of the catalogue as they are', async () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 60 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x0a : byte))))
    .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')))
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 12, selector: (one) => one.toString('hex') })
  await fc.assert(
    fc.asyncProperty(names, names, async (folders, files) => {
      const week = new Week()
      const at = (...parts: Buffer[]) =>
        Buffer.concat([Buffer.from(week.mirror), ...parts.flatMap((part) => [Buffer.from('/'), part])])
      for (const folder of folders) {
        mkdirSync(at(folder))
        for (const file of files) writeFileSync(at(folder, file), 'x')
      }
      await week.archive()
      for (const folder of folders) writeFileSync(at(folder, Buffer.from('changed')), 'y')
      await week.archive()
      expect(week.warnings).toEqual([])
      week.expectRight()
    }),
    { numRuns: 6 },
  )
})

describe('a catalogue that', () => {
  test.each([
    ['is gone', (path: string) => rmSync(path)],
    ['is torn', (path: string) => truncateSync(path, 3000)],
    ['is something else', (path: string) => writeFileSync(path, 'something else')],
    ['is damaged in the middle', (path: string) => writeFileSync(path, damaged(readFileSync(path)))],
  ])('%s is made whole by the next archive', async (_, harm) => {
    const week = new Week()
    manyKinds(week)
    await week.archive()
    week.put('folder2/file2', 'changed')
    await week.archive()
    harm(join(week.disk, '.hdsync-catalogue', 'var.sqlite'))
    week.put('folder2/file2', 'changed again')
    await week.archive()
    expect(week.warnings).toEqual([])
    week.expectRight()
  })

  test('has missed an archive knows it after the next one', async () => {
    const week = new Week()
    manyKinds(week)
    await week.archive()
    const path = join(week.disk, '.hdsync-catalogue', 'var.sqlite')
    const before = readFileSync(path)
    week.put('folder2/file2', 'changed')
    await week.archive()
    writeFileSync(path, before)
    week.put('folder3/file3', 'changed')
    await week.archive()
    expect(week.warnings).toEqual([])
    week.expectRight()
  })

  test('cannot be written leaves the archive good, and says so', async () => {
    const week = new Week()
    manyKinds(week)
    mkdirSync(join(week.disk, '.hdsync-catalogue', 'var.sqlite'), { recursive: true, mode: 0o700 })
    await week.archive()
    expect(week.warnings).toEqual([
      expect.stringMatching(/the catalogue of var on target hdd9 could not .* hdsync catalogue rebuild var/),
    ])
    expect(existsSync(join(week.disk, 'Monday', 'var.tar.zst'))).toBe(true)
  })

  test('is a link is not followed', async () => {
    const week = new Week()
    week.put('file', 'x')
    mkdirSync(join(week.disk, '.hdsync-catalogue'), { mode: 0o700 })
    const elsewhere = join(week.folder, 'elsewhere')
    symlinkSync(elsewhere, join(week.disk, '.hdsync-catalogue', 'var.sqlite'))
    await week.archive()
    expect(week.warnings).toHaveLength(1)
    expect(existsSync(elsewhere)).toBe(false)
  })

  test('is nobody else’s to read, and has nothing beside it', async () => {
    const week = new Week()
    week.put('file', 'x')
    await week.archive()
    for (const folder of [join(week.disk, '.hdsync-catalogue'), week.copy]) {
      expect(statSync(folder).mode & 0o077).toBe(0)
      expect(statSync(join(folder, 'var.sqlite')).mode & 0o777).toBe(0o600)
      expect(readdirSync(folder)).toEqual(['var.sqlite'])
    }
  })
})

function damaged(bytes: Buffer): Buffer {
  for (let page = 1; page * 4096 < bytes.length; page += 1) bytes.fill(0xff, page * 4096, page * 4096 + 60)
  return bytes
}
