import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
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
