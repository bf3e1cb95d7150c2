import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { archiveReader } from '../../../../../runtime/host/points/archive-reader.ts'
import type { Entry, PointReader } from '../../../../../runtime/host/points/entry.ts'
import { mirrorReader } from '../../../../../runtime/host/points/mirror-reader.ts'
import { OpenFolder } from '../../../../../runtime/host/points/open-folder.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { archiveOf, isRoot, makeTree, portrait, runner, sh } from './tree.ts'

interface Made {
  folder: string
  tree: string
  readers: Record<string, PointReader>
}

function make(): Made {
  const folder = temporaryFolder()
  const tree = join(folder, 'var')
  mkdirSync(tree, { mode: 0o751 })
  makeTree(tree)
  const readers: Record<string, PointReader> = { mirror: mirrorReader(tree, runner) }
  for (const [compression, extension] of [
    ['zstd', '.tar.zst'],
    ['gzip', '.tar.gz'],
    ['none', '.tar'],
  ] as const) {
    const path = join(folder, `archives/var${extension}`)
    archiveOf(folder, 'var', path)
    readers[compression] = archiveReader({ path, source: 'var', compression }, runner)
  }
  return { folder, tree, readers }
}

async function all(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const found: Entry[] = []
  for await (const entry of entries) found.push(entry)
  return found.sort((one, other) => Buffer.compare(one.path, other.path))
}

/** But for what a mirror alone tells. */
const text = ({ allocatedBytes: _, ...entry }: Entry) => ({
  ...entry,
  path: entry.path.toString('latin1'),
  ...(entry.linkTo && { linkTo: entry.linkTo.toString('latin1') }),
  ...(entry.hardLinkTo && { hardLinkTo: entry.hardLinkTo.toString('latin1') }),
})

describe('readers of restore points', () => {
  test('know how much an archive holds without the holes of its files', async () => {
    const folder = temporaryFolder()
    sh('mkdir var archives; head -c 100000 /dev/urandom > var/some; truncate -s 40G var/sparse', folder)
    for (const [compression, extension] of [
      ['zstd', '.tar.zst'],
      ['gzip', '.tar.gz'],
      ['none', '.tar'],
    ] as const) {
      const path = join(folder, `archives/var${extension}`)
      archiveOf(folder, 'var', path)
      const reader = archiveReader({ path, source: 'var', compression }, runner)
      const bytes = (await reader.storedBytes?.([Buffer.alloc(0)])) ?? 0
      expect(bytes).toBeGreaterThan(100_000)
      expect(bytes).toBeLessThan(200_000)
      writeFileSync(path, readFileSync(path).subarray(0, compression === 'none' ? 0 : 20_000))
      expect(await reader.storedBytes?.([])).toBe(compression === 'none' ? 0 : undefined)
    }
  })

  test('tell the same of a mirror and of its archives', async () => {
    const { readers, tree } = make()
    const { mirror, ...archives } = readers
    const found = (await all((mirror as PointReader).entries())).map(text)
    expect(found.map(({ path }) => path)).toContain('odd\xff\n\\q"')
    expect(found.find(({ path }) => path === 'a/file' || path === 'a/deep/hard')).toMatchObject({
      type: 'file',
      sizeBytes: 8,
      mode: 0o4711,
    })
    expect(found.find(({ path }) => path === 'a/link')).toMatchObject({
      type: 'symlink',
      linkTo: '../x -> "y"',
    })
    expect(found.find(({ path }) => path === 'with space/old')).toMatchObject({
      mtimeNs: statSync(join(tree, 'with space/old'), { bigint: true }).mtimeNs,
    })
    expect(found.filter(({ hardLinkTo }) => hardLinkTo)).toHaveLength(1)
    for (const archive of Object.values(archives))
      expect((await all(archive.entries())).map(text)).toEqual(found)
  })

  test('tell of a part alone', async () => {
    const { readers } = make()
    for (const reader of Object.values(readers)) {
      const under = async (path: string) => (await all(reader.entries(Buffer.from(path)))).map(text)
      expect((await under('a/deep')).map(({ path }) => path)).toEqual([
        'a/deep',
        'a/deep/hard',
        'a/deep/other',
      ])
      expect((await under('a/link')).map(({ path }) => path)).toEqual(['a/link'])
      expect(await under('a/dee')).toEqual([])
      expect(await under('nothing/there')).toEqual([])
    }
  })

  test('give the contents of a file, and of nothing else', async () => {
    const { readers } = make()
    for (const reader of Object.values(readers)) {
      const read = async (path: string) => (await buffer(reader.read(Buffer.from(path, 'latin1')))).toString()
      expect(await read('a/deep/hard')).toBe('contents')
      expect(await read('a/file')).toBe('contents')
      expect(await read('odd\xff\n\\q"')).toBe('x')
      for (const path of ['a', 'a/link', 'a/nothing', 'pipe', 'a/etc/passwd'])
        await expect(read(path)).rejects.toThrow()
    }
  })

  test('bring everything back as it was', async () => {
    const { folder, tree, readers } = make()
    for (const [name, reader] of Object.entries(readers)) {
      const out = join(folder, `out-${name}`)
      mkdirSync(out)
      using into = OpenFolder.at(out)
      expect(await reader.extract([Buffer.alloc(0)], into)).toEqual({ unreadable: [] })
      expect(portrait(out)).toBe(portrait(tree))
      expect(statSync(out).mode).toBe(statSync(tree).mode)
    }
  })

  test('bring back what is asked for, and nothing else', async () => {
    const { folder, readers } = make()
    for (const [name, reader] of Object.entries(readers)) {
      const out = join(folder, `part-${name}`)
      mkdirSync(out)
      using into = OpenFolder.at(out)
      const paths = ['a/deep/other', 'odd\xff\n\\q"', 'with space'].map((path) => Buffer.from(path, 'latin1'))
      expect(await reader.extract(paths, into)).toEqual({ unreadable: [] })
      expect((await all(mirrorReader(out, runner).entries())).map(text).map(({ path }) => path)).toEqual([
        '',
        'a',
        'a/deep',
        'a/deep/other',
        'odd\xff\n\\q"',
        'with space',
        'with space/old',
      ])
      expect(readFileSync(join(out, 'a/deep/other'), 'utf8')).toBe('more')
    }
  })

  test('say what is not there', async () => {
    const { folder, readers } = make()
    for (const [name, reader] of Object.entries(readers)) {
      const out = join(folder, `missing-${name}`)
      mkdirSync(out)
      using into = OpenFolder.at(out)
      const { unreadable } = await reader.extract([Buffer.from('a/nothing'), Buffer.from('sparse')], into)
      expect(unreadable.map(({ reason }) => reason).join('\n')).toContain('a/nothing')
      expect(statSync(join(out, 'sparse')).size).toBe(3 * 1024 ** 2 + 3)
    }
  })
})

describe('an archive', () => {
  test('that is damaged gives what can be read, and says so', async () => {
    const { folder } = make()
    const path = join(folder, 'archives/var.tar')
    const whole = readFileSync(path)
    const cutOff = join(folder, 'cut.tar')
    // In the middle of a member.
    writeFileSync(cutOff, whole.subarray(0, whole.indexOf('contents') + 2))
    const reader = archiveReader({ path: cutOff, source: 'var', compression: 'none' }, runner)
    await expect(all(reader.entries())).rejects.toThrow('cannot be read whole')
    const out = join(folder, 'damaged')
    mkdirSync(out)
    using into = OpenFolder.at(out)
    const { unreadable } = await reader.extract([Buffer.alloc(0)], into)
    expect(unreadable.length).toBeGreaterThan(0)
    const zst = join(folder, 'archives/var.tar.zst')
    writeFileSync(zst, readFileSync(zst).fill(0x55, 400, 500))
    const packed = archiveReader({ path: zst, source: 'var', compression: 'zstd' }, runner)
    await expect(all(packed.entries())).rejects.toThrow('cannot be read whole')
  })

  test('that is hostile leads nowhere', async () => {
    const folder = temporaryFolder()
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'victim'), 'safe')
    const build = join(folder, 'build')
    mkdirSync(join(build, 'var/sub'), { recursive: true })
    symlinkSync(outside, join(build, 'var/way'))
    writeFileSync(join(build, 'var/good'), 'good')
    writeFileSync(join(build, 'evil'), 'evil')
    sh(
      `tar -cf ../evil.tar var
       rm var/way; mkdir var/way; cp evil var/way/victim
       tar -rf ../evil.tar var/way/victim
       tar -rPf ../evil.tar --transform 's,^evil$,var/../../outside/victim,' evil
       tar -rPf ../evil.tar --transform 's,^evil$,${outside}/victim,' evil
       tar -rPf ../evil.tar --transform 's,^evil$,var/sub/../../../outside/victim,' evil
       ln evil hard
       tar -rPf ../evil.tar --transform 's,^hard$,var/hard,;s,^evil$,../outside/victim,' evil hard`,
      build,
    )
    const out = join(folder, 'out')
    mkdirSync(out)
    using into = OpenFolder.at(out)
    const reader = archiveReader(
      { path: join(folder, 'evil.tar'), source: 'var', compression: 'none' },
      runner,
    )
    const names = (await all(reader.entries())).map(({ path }) => path.toString())
    expect(names.filter((name) => name.includes('..') || name.startsWith('/'))).toEqual([])
    await reader.extract([Buffer.alloc(0)], into)
    expect(readFileSync(join(out, 'good'), 'utf8')).toBe('good')
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('safe')
    expect(sh('ls', folder).split('\n').filter(Boolean)).toEqual(['build', 'evil.tar', 'out', 'outside'])
    expect(sh('ls', outside)).toBe('victim\n')
  })
})

test('a link in a mirror is not followed, on the way nor at its end', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'mirror'))
  mkdirSync(join(folder, 'outside'))
  writeFileSync(join(folder, 'outside/secret'), 'secret')
  symlinkSync(join(folder, 'outside'), join(folder, 'mirror/way'))
  symlinkSync(join(folder, 'outside/secret'), join(folder, 'mirror/leak'))
  const reader = mirrorReader(join(folder, 'mirror'), runner)
  await expect(all(reader.entries(Buffer.from('way/secret')))).rejects.toThrow('is a link to')
  await expect(buffer(reader.read(Buffer.from('leak')))).rejects.toThrow('is a symbolic link')
  await expect(buffer(reader.read(Buffer.from('way/secret')))).rejects.toThrow('is a link to')
  rmSync(join(folder, 'mirror/leak'))
  expect((await all(reader.entries())).map(text).map(({ path, type }) => [path, type])).toEqual([
    ['', 'directory'],
    ['way', 'symlink'],
  ])
})

test.runIf(isRoot)('owners come back by number, and devices', async () => {
  const { folder, readers } = make()
  const out = join(folder, 'owners')
  mkdirSync(out)
  using into = OpenFolder.at(out)
  await (readers.zstd as PointReader).extract([Buffer.from('a/deep/other'), Buffer.from('zero')], into)
  expect(statSync(join(out, 'a/deep/other'))).toMatchObject({ uid: 1234, gid: 2345 })
  expect(statSync(join(out, 'zero')).isCharacterDevice()).toBe(true)
})
