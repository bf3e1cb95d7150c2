import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Member } from '../../../../../../runtime/host/archive/pieces/tar-member.ts'
import { TarSplitter } from '../../../../../../runtime/host/archive/pieces/tar-splitter.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

/** Everything that tar writes in a way of its own. */
const names = [
  'folder/',
  'folder/empty',
  'folder/one block',
  'folder/two names',
  `folder/${'long'.repeat(40)}`,
  'folder/ümlaut',
  'folder/link',
  'folder/sparse',
  'folder/x'.padEnd(99, 'x'),
]

function tarOf(paths: readonly string[]): Buffer {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'folder'))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('folder/empty'), '')
  writeFileSync(at('folder/one block'), 'x'.repeat(512))
  linkSync(at('folder/one block'), at('folder/two names'))
  writeFileSync(at(names[4] ?? ''), 'a long name')
  writeFileSync(at('folder/ümlaut'), 'y'.repeat(700))
  symlinkSync(`${'far/'.repeat(60)}away`, at('folder/link'))
  writeFileSync(at('folder/sparse'), 'begins')
  truncateSync(at('folder/sparse'), 10 * 1024 ** 2)
  writeFileSync(at(names[8] ?? ''), '')
  const words = ['--create', '--format=posix', '--sparse', '--no-recursion', '-C', folder, ...paths]
  return execFileSync('tar', words, { maxBuffer: 2 ** 26 })
}

/** The members, each with its headers, as they are found in chunks of these sizes. */
function split(tar: Buffer, sizes: readonly number[] = [tar.length]): { members: Buffer[]; ended: boolean } {
  const members: Buffer[] = []
  let chunks: Buffer[] = []
  const splitter = new TarSplitter({
    bytes: (chunk) => chunks.push(chunk),
    member() {
      members.push(Buffer.concat(chunks))
      chunks = []
    },
  })
  for (let at = 0, n = 0; at < tar.length; n += 1) {
    const size = sizes[n % sizes.length] ?? 1
    splitter.add(tar.subarray(at, at + size))
    at += size
  }
  expect(chunks).toEqual([])
  return { members, ended: splitter.ended }
}

describe('TarSplitter', () => {
  test('finds a member for each name, whatever it is', () => {
    const tar = tarOf(names)
    const { members, ended } = split(tar)
    expect(members).toHaveLength(names.length)
    expect(ended).toBe(true)
  })

  test('finds the same in chunks of any size', () => {
    const tar = tarOf(names)
    const { members } = split(tar)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1 }), (sizes) => {
        expect(split(tar, sizes).members).toEqual(members)
      }),
      { numRuns: 30 },
    )
  })

  test('leaves members that tar can read one by one, and none of what marks the end', () => {
    const tar = tarOf(names)
    const { members } = split(tar)
    const together = Buffer.concat(members)
    expect(tar.subarray(0, together.length)).toEqual(together)
    for (const [n, name] of names.entries()) {
      // A second name of a file needs the first one beside it.
      const input = n === 3 ? Buffer.concat([members[2] ?? tar, members[3] ?? tar]) : members[n]
      const listed = execFileSync('tar', ['--list', '--quoting-style=literal', '--file=-'], { input })
      expect(listed.toString().trim().split('\n').at(-1)).toBe(name)
    }
  })

  test('refuses what is no archive', () => {
    expect(() => split(Buffer.alloc(2000, 'x'))).toThrow('no archive')
  })

  test('tells an archive that was cut off from one that has ended', () => {
    const { members } = split(tarOf(names))
    expect(split(Buffer.concat(members)).ended).toBe(false)
  })
})

/** What the members of a tar are. */
function membersOf(tar: Buffer, size = 10_000): (Member | undefined)[] {
  const members: (Member | undefined)[] = []
  const splitter = new TarSplitter({ member: (member) => members.push(member) })
  for (let at = 0; at < tar.length; at += size) splitter.add(tar.subarray(at, at + size))
  return members
}

function tarIn(folder: string, ...options: string[]): Buffer {
  const words = ['--create', '--format=posix', '--sparse', '--xattrs', '-C', folder, ...options, 'folder']
  return execFileSync('tar', words, { maxBuffer: 2 ** 28 })
}

/** A member, as the file system tells of it. */
function onDisk(folder: string, { name, hardLinkTo }: Member) {
  const path = Buffer.concat([Buffer.from(`${folder}/`), name])
  const stats = lstatSync(path, { bigint: true })
  const isContents = stats.isFile() && !hardLinkTo
  return {
    sizeBytes: isContents ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    linkTo: stats.isSymbolicLink() ? readlinkSync(path, { encoding: 'buffer' }) : undefined,
    sha256: isContents ? createHash('sha256').update(readFileSync(path)).digest() : undefined,
  }
}

const facts = ({ sizeBytes, mtimeNs, mode, uid, gid, linkTo, sha256 }: Member) => ({
  sizeBytes,
  mtimeNs,
  mode,
  uid,
  gid,
  linkTo,
  sha256,
})

describe('what TarSplitter tells of a member', () => {
  test('is what the file system tells, whatever the bytes of its name', () => {
    const piece = fc
      .uint8Array({ minLength: 1, maxLength: 120 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x0a : byte))))
      .filter((name) => !['.', '..'].includes(name.toString('latin1')))
    const file = fc.record({ name: piece, text: fc.string({ maxLength: 2000 }), mtime: fc.nat(2 ** 31) })
    fc.assert(
      fc.property(
        fc.uniqueArray(file, { maxLength: 8, selector: ({ name }) => name.toString('hex') }),
        (files) => {
          const folder = temporaryFolder()
          mkdirSync(join(folder, 'folder'))
          for (const { name, text, mtime } of files) {
            const path = Buffer.concat([Buffer.from(`${folder}/folder/`), name])
            writeFileSync(path, text)
            utimesSync(path, 0, mtime + 0.123)
            chmodSync(path, 0o4755)
          }
          const members = membersOf(tarIn(folder)) as Member[]
          const names = [
            Buffer.from('folder'),
            ...files.map(({ name }) => Buffer.concat([Buffer.from('folder/'), name])),
          ]
          const sorted = (all: Buffer[]) => all.map((one) => one.toString('hex')).sort()
          expect(sorted(members.map(({ name }) => name))).toEqual(sorted(names))
          for (const member of members) expect(facts(member)).toEqual(onDisk(folder, member))
        },
      ),
      { numRuns: 25 },
    )
  })

  test('is right for links, sparse files, long names and times before 1970', () => {
    const folder = temporaryFolder()
    const at = (name: string) => join(folder, 'folder', name)
    mkdirSync(join(folder, 'folder', 'long'.repeat(50)), { recursive: true })
    writeFileSync(at('sparse'), 'begins')
    truncateSync(at('sparse'), 3 * 1024 ** 2)
    writeFileSync(at('sparse'), Buffer.alloc(70_000, 'in the middle'), { flag: 'r+' })
    truncateSync(at('sparse'), 20 * 1024 ** 2 + 5)
    writeFileSync(at('holes only'), '')
    truncateSync(at('holes only'), 5 * 1024 ** 2)
    writeFileSync(at(`${'long'.repeat(50)}/${'name'.repeat(50)}`), 'x'.repeat(100_000))
    utimesSync(at('holes only'), 0, -1.5)
    linkSync(at('sparse'), at('z another name'))
    symlinkSync(`${'far/'.repeat(60)}away`, at('link'))
    execFileSync('mkfifo', [at('fifo')])
    const members = membersOf(tarIn(folder, '--sort=name'), 777) as Member[]
    for (const member of members) expect(facts(member)).toEqual(onDisk(folder, member))
    const byName = new Map(members.map((member) => [member.name.toString().split('/').at(-1), member]))
    expect(byName.get('z another name')?.hardLinkTo?.toString()).toBe('folder/sparse')
    expect(byName.get('fifo')?.type).toBe('fifo')
    expect(byName.get('link')?.type).toBe('symlink')
  })

  test('has no digest where the holes are too large to be read through', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'folder'))
    writeFileSync(join(folder, 'folder', 'lastlog'), 'x')
    truncateSync(join(folder, 'folder', 'lastlog'), 2 ** 40)
    const [, lastlog] = membersOf(tarIn(folder))
    expect(lastlog).toMatchObject({ sizeBytes: 2 ** 40, type: 'file' })
    expect(lastlog?.sha256).toBeUndefined()
  })

  test('tells extended attributes from others', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'folder'))
    const path = join(folder, 'folder', 'file')
    writeFileSync(path, 'x')
    const attributes = (value?: string) => {
      if (value) execFileSync('setfattr', ['-n', 'user.colour', '-v', value, path])
      return membersOf(tarIn(folder))[1]?.attributes?.toString('hex')
    }
    const [none, red, blue] = [attributes(), attributes('red'), attributes('blue')]
    expect(none).toBeUndefined()
    expect(new Set([none, red, blue]).size).toBe(3)
    expect(attributes('red')).toBe(red)
  })
})
