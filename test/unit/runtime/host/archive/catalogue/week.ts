import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
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
export class Week {
  readonly folder = temporaryFolder()
  readonly mirror = join(this.folder, 'hdd1', 'var')
  readonly disk = join(this.folder, 'hdd9')
  readonly state = join(this.folder, 'state')
  readonly #packing: Pick<ArchivePlan, 'compression' | 'level'>
  readonly archives: Archives
  readonly catalogues: Catalogues
  day = 0
  /** How far the clock of this machine is before that of the file system. */
  aheadMs = 10_000
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
    const now = () => Date.now() + this.aheadMs
    this.archives = createArchives({ runner, signal, boots, stateDirectory: this.state, now })
    this.catalogues = new Catalogues({ runner, stateDirectory: this.state })
  }

  put(name: string, contents: string | Buffer): void {
    const path = join(this.mirror, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
  }

  /** @param isHuge What is in it is not to be read whole. */
  async archive({ isUnchanged = false, isHuge = false } = {}): Promise<void> {
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
    if (!isHuge) this.held.push(treeOf(this.mirror))
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

export function lineOf({ path, type, sizeBytes, mtimeNs, mode, uid, gid, linkTo, sha256 }: Entry): string {
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
export function manyKinds(week: Week): void {
  for (let n = 0; n < 40; n += 1) week.put(`folder${n % 4}/file${n}`, `contents of ${n}\n`.repeat(n))
  week.put('large', Buffer.alloc(3 * 1024 ** 2, 'not so easily packed'))
  week.put('sparse', 'begins')
  truncateSync(join(week.mirror, 'sparse'), 2 * 1024 ** 2)
  week.put('shared/one name', 'of two')
  linkSync(join(week.mirror, 'shared', 'one name'), join(week.mirror, 'shared', 'another name'))
  symlinkSync('to somewhere', join(week.mirror, 'link'))
  execFileSync('mkfifo', [join(week.mirror, 'fifo')])
}
