import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import type { Entry, PointReader } from '../../../../../../runtime/host/points/entry.ts'
import { diffLines, withContext } from '../../../../../../runtime/http/page/files/diff.ts'
import { marked } from '../../../../../../runtime/http/page/files/listing.ts'
import { addressOf, placeIn } from '../../../../../../runtime/http/page/files/paths.ts'
import { tarOf } from '../../../../../../runtime/http/page/files/tar.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

test('diffLines() tells lines that came, went and stayed', () => {
  const lines = diffLines('a\nb\nc\nd\n', 'a\nx\nc\nd\ne\n')
  expect(lines?.map(({ sign, text }) => sign + text)).toEqual([' a', '-b', '+x', ' c', ' d', '+e', ' '])
  expect(diffLines('x\n'.repeat(4000), 'y\n'.repeat(4000))).toBeUndefined()
})

test('withContext() leaves out what is far from every change', () => {
  const text = Array.from({ length: 40 }, (_, n) => `line ${n}`)
  const lines = diffLines(text.join('\n'), text.with(20, 'other').join('\n')) ?? []
  const shown = withContext(lines, 2)
  expect(shown).toHaveLength(8)
  expect([shown[0], shown.at(-1)]).toEqual([undefined, undefined])
})

describe('an address', () => {
  test.each([
    [Buffer.from('mail/ann')],
    [Buffer.from([0x61, 0x2f, 0xff, 0x0a])],
    [Buffer.from('50% & a+b/#?')],
    [Buffer.from('ä/ü')],
  ])('of %j leads back to it', (path) => {
    const { pathname } = new URL(addressOf('/files', { source: 'var', path }), 'http://localhost')
    expect(placeIn(pathname, '/files')).toEqual({ source: 'var', path })
    expect(placeIn(`/backup${pathname}`, '/files', '/backup')).toEqual({ source: 'var', path })
  })
})

const file = (name: string, size = 1): Entry => ({
  path: Buffer.from(name),
  type: 'file',
  sizeBytes: size,
  mtimeNs: 0n,
  mode: 0o644,
  uid: 0,
  gid: 0,
})

test('tarOf() tells times before 1970 as tar reads them', async () => {
  const times = [-1n, -1_500_000_000n, -2_000_000_000n, 1n]
  const entries = times.map((mtimeNs, n) => ({ ...file(`f${n}`, 0), mtimeNs }))
  const reader = {
    async *entries() {
      yield* entries
    },
  } as unknown as PointReader
  const into = temporaryFolder()
  execFileSync('tar', ['-x', '-C', into], { input: await buffer(tarOf(reader, Buffer.alloc(0))) })
  const read = times.map((_, n) => statSync(`${into}/f${n}`, { bigint: true }).mtimeNs)
  expect(read).toEqual(times)
})

test('marked() shows what is new, changed and gone, and of an older moment what was deleted since', () => {
  const [older, newer] = [
    [file('a'), file('b'), file('c')],
    [file('a'), file('b', 2), file('d')],
  ]
  const text = (rows: ReturnType<typeof marked>) =>
    rows.map(({ entry, mark }) => `${entry.path} ${mark ?? '-'}`)
  expect(text(marked(newer, older, false))).toEqual(['a -', 'b changed', 'c gone', 'd new'])
  expect(text(marked(older, newer, true))).toEqual(['a -', 'b changed', 'c gone'])
})
