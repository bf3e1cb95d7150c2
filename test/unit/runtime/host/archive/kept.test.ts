import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { archivePath } from '../../../../../runtime/host/archive/archive-place.ts'
import { indexesOf, open, prepare, sha256sum, write } from '../archive-plans.ts'

async function prepared() {
  const plan = prepare({ weekday: 'Sunday' })
  const archived = await write(plan)
  return { plan, archived, path: archivePath(plan), archives: open(plan), to: plan.to }
}
const kept = (to: { path: string }, night = '2026-11-22') => join(to.path, 'kept', night, 'var.tar.zst')

describe('keep()', () => {
  test('gives an archive a second name, for which no bytes are written, and which outlasts the first', async () => {
    const { plan, path, archives, to, archived } = await prepared()
    const { ino } = statSync(path)
    expect(await archives.keep(to, path, '2026-11-22')).toEqual({
      path: kept(to),
      how: 'hard link',
      file: archived.file,
      sizeBytes: archived.sizeBytes,
    })
    expect(statSync(kept(to)).ino).toBe(ino)
    writeFileSync(join(plan.from.path, 'var', 'sub', 'file'), 'of a week later')
    const later = await write(plan)
    expect(later.sha256).not.toBe(archived.sha256)
    expect(sha256sum(kept(to))).toBe(archived.sha256)
    expect(execFileSync('tar', ['--zstd', '-xOf', kept(to), 'var/sub/file'], { encoding: 'utf8' })).toBe(
      'content',
    )
    expect(statSync(join(to.path, 'kept')).mode & 0o777).toBe(0o700)
  })

  test('can be repeated, and leaves alone what is kept of that night already', async () => {
    const { path, archives, to, plan } = await prepared()
    await archives.keep(to, path, '2026-11-22')
    expect((await archives.keep(to, path, '2026-11-22')).how).toBe('there')
    writeFileSync(join(plan.from.path, 'var', 'sub', 'file'), 'other')
    const digest = sha256sum(kept(to))
    await write(plan)
    expect((await archives.keep(to, path, '2026-11-22')).how).toBe('there')
    expect(sha256sum(kept(to))).toBe(digest)
  })

  test('makes a copy that is read back, of the same age, where there can be no link', async () => {
    const { path, archives, to, archived } = await prepared()
    utimesSync(path, 1000, 1_700_000_000)
    // A name that is taken by a link that leads elsewhere: link(2) refuses, and nothing is written through it.
    mkdirSync(dirname(kept(to)), { recursive: true })
    const elsewhere = join(to.path, 'elsewhere')
    writeFileSync(elsewhere, 'untouched')
    symlinkSync(elsewhere, kept(to))
    const { how } = await archives.keep(to, path, '2026-11-22')
    expect(['reflink', 'copy']).toContain(how)
    expect(readFileSync(elsewhere, 'utf8')).toBe('untouched')
    expect(sha256sum(kept(to))).toBe(archived.sha256)
    expect(statSync(kept(to)).mtimeMs).toBe(1_700_000_000_000)
    expect(readdirSync(dirname(kept(to)))).toEqual(['var.tar.zst'])
  })

  test('follows no link in the place of its folders, and says what is to be done', async () => {
    const { path, archives, to } = await prepared()
    symlinkSync('/tmp', join(to.path, 'kept'))
    await expect(archives.keep(to, path, '2026-11-22')).rejects.toThrow(
      /is to be kept, and cannot be given the name .*kept is a link to \/tmp/,
    )
  })

  test('refuses an archive that is gone', async () => {
    const { path, archives, to } = await prepared()
    rmSync(path)
    await expect(archives.keep(to, path, '2026-11-22')).rejects.toThrow('is gone')
  })
})

describe('standing()', () => {
  test('names the archives of one source, of the weekdays and of the nights that are kept', async () => {
    const { path, archives, to, archived } = await prepared()
    await archives.keep(to, path, '2026-11-22')
    for (const other of [
      'kept/2026-11-22/var.sub.tar.zst',
      'kept/2026-13-45/var.tar.zst',
      'kept/notes/var.tar.zst',
      'Sunday/home.tar.zst',
    ]) {
      mkdirSync(dirname(join(to.path, other)), { recursive: true })
      writeFileSync(join(to.path, other), '')
    }
    mkdirSync(join(to.path, 'Monday', 'var.tar.zst'), { recursive: true })
    symlinkSync('/tmp', join(to.path, 'Tuesday'))
    const found = await archives.standing(to, 'var')
    expect(found.map(({ folder }) => folder)).toEqual(['Sunday', 'kept/2026-11-22'])
    expect(found.map(({ file }) => file)).toEqual([archived.file, archived.file])
    expect(found[0]).toMatchObject({
      path,
      sizeBytes: archived.sizeBytes,
      diskBytes: statSync(path).blocks * 512,
    })
  })
})

describe('remove()', () => {
  test('renames all first, and then removes them and the folders that are empty', async () => {
    const { path, archives, to } = await prepared()
    for (const night of ['2026-11-15', '2026-11-22']) await archives.keep(to, path, night)
    writeFileSync(join(dirname(kept(to)), 'home.tar.zst'), 'another source')
    const found = (await archives.standing(to, 'var')).filter(({ folder }) => folder !== 'Sunday')
    expect(await archives.remove(to, found)).toEqual({
      gone: [kept(to, '2026-11-15'), kept(to)],
      problems: [],
    })
    expect(readdirSync(join(to.path, 'kept'))).toEqual(['2026-11-22'])
    expect(readdirSync(dirname(kept(to)))).toEqual(['home.tar.zst'])
    expect(existsSync(path)).toBe(true)
    expect(await archives.remove(to, found)).toEqual({ gone: [], problems: [] })
  })

  test('leaves alone what has come into its place since', async () => {
    const { path, archives, to } = await prepared()
    await archives.keep(to, path, '2026-11-22')
    const [, found] = await archives.standing(to, 'var')
    rmSync(kept(to))
    writeFileSync(kept(to), 'mine')
    expect(await archives.remove(to, found ? [found] : [])).toEqual({ gone: [], problems: [] })
    expect(readFileSync(kept(to), 'utf8')).toBe('mine')
  })

  test('says what cannot be removed, and goes on', async () => {
    const { path, archives, to } = await prepared()
    for (const night of ['2026-11-15', '2026-11-22']) await archives.keep(to, path, night)
    const found = (await archives.standing(to, 'var')).filter(({ folder }) => folder !== 'Sunday')
    // A folder with something in it cannot be replaced by a file.
    mkdirSync(join(dirname(kept(to, '2026-11-15')), '.var.tar.zst.hdsync-gone', 'full'), { recursive: true })
    const { gone, problems } = await archives.remove(to, found)
    expect(gone).toEqual([kept(to)])
    expect(problems).toEqual([expect.stringContaining('kept/2026-11-15/var.tar.zst cannot be removed')])
  })
})

test('tidy() removes what a crash has left in the folders of the nights, and folders that are empty', async () => {
  const { archives, to, path } = await prepared()
  const folder = dirname(kept(to))
  mkdirSync(folder, { recursive: true })
  linkSync(path, join(folder, '.var.tar.zst.hdsync-gone'))
  writeFileSync(join(folder, '.var.tar.zst.hdsync-part'), '')
  mkdirSync(join(to.path, 'kept', '2026-11-15'))
  mkdirSync(join(to.path, 'kept', 'notes'))
  expect(await archives.tidy(to)).toEqual([])
  expect(readdirSync(join(to.path, 'kept'))).toEqual(['notes'])
})

test('a second run on one day leaves the first archive of that day until its own is proven', async () => {
  const { plan, path, archived } = await prepared()
  const [before] = readdirSync(indexesOf(plan))
  expect(before).toBe('var.Sunday.index')
  chmodSync(join(plan.from.path, 'var', 'sub', 'file'), 0o600)
  const stopped = new AbortController()
  const again = open(plan, undefined, stopped.signal).write(plan, () =>
    stopped.abort(new Error('the lights went out')),
  )
  await expect(again).rejects.toThrow()
  expect(sha256sum(path)).toBe(archived.sha256)
  expect(readdirSync(dirname(path))).toEqual(['var.tar.zst'])
})
