import { describe, expect, test } from 'vitest'
import {
  type Segment,
  SegmentCutter,
} from '../../../../../../runtime/host/archive/pieces/archive-segments.ts'

interface Facts {
  type?: string
  names?: number
  size?: number
  changedAt?: number
}

/** What find prints of an entry. */
function found(path: string, { type = 'f', names = 1, size = 100, changedAt = 500 }: Facts = {}): string {
  return `${type} ${names} ${size} ${changedAt}.5 ${changedAt}.5 77 644 0 0\0${path}\0`
}

function cut(records: readonly string[], chunkBytes = 10_000): Segment[] {
  const cutter = new SegmentCutter('var', 1000)
  const bytes = Buffer.from(records.join(''), 'latin1')
  const segments: Segment[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    segments.push(...cutter.add(bytes.subarray(at, at + chunkBytes)))
  }
  return [...segments, ...cutter.end()]
}

const pathsOf = (segments: readonly Segment[]) =>
  segments.flatMap(({ paths }) => paths.toString('latin1').split('\0').slice(0, -1))
const keysOf = (segments: readonly Segment[]) => segments.map(({ key }) => key?.toString('hex'))
const files = Array.from({ length: 2000 }, (_, n) => `folder/file${n}`)

describe('SegmentCutter', () => {
  test('leaves every entry in its place, below the name of the source', () => {
    const segments = cut(['', ...files].map((path) => found(path)))
    expect(pathsOf(segments)).toEqual(['', ...files].map((path) => `var/${path}`))
    expect(segments.reduce((sum, { entries }) => sum + entries, 0)).toBe(files.length + 1)
    expect(segments.length).toBeGreaterThan(files.length / 3)
    expect(segments.length).toBeLessThan(files.length / 1.5)
  })

  test.each([1, 7, 64])('cuts the same however the list comes: in chunks of %i bytes', (bytes) => {
    const records = files.slice(0, 200).map((path) => found(path))
    expect(keysOf(cut(records, bytes))).toEqual(keysOf(cut(records)))
  })

  test.each([
    ['comes', (records: string[]) => records.toSpliced(900, 0, found('folder/new'))],
    ['goes', (records: string[]) => records.toSpliced(900, 1)],
    ['changes', (records: string[]) => records.toSpliced(900, 1, found('folder/file900', { size: 101 }))],
  ])('gives two segments at the most another key when one entry %s', (_, happens) => {
    const records = files.map((path) => found(path))
    const before = new Set(keysOf(cut(records)))
    const after = keysOf(cut(happens(records)))
    const others = after.filter((key) => !before.has(key))
    expect(others.length).toBeLessThanOrEqual(2)
    expect(after.length).toBeGreaterThan(100)
  })

  test('gives no key where the clock of the file system could not tell of a second change', () => {
    const records = files.map((path) => found(path))
    const segments = cut(records.toSpliced(900, 1, found('folder/file900', { changedAt: 1000 })))
    const fresh = segments.filter(({ key }) => key === undefined)
    expect(fresh).toHaveLength(1)
    expect(pathsOf(fresh)).toContain('var/folder/file900')
  })

  test('gives none to what has several names, and leaves the others theirs', () => {
    const records = files.map((path) => found(path))
    const segments = cut(records.toSpliced(900, 1, found('folder/file900', { names: 2 })))
    const shared = segments.filter(({ key }) => key === undefined)
    expect(pathsOf(shared)).toEqual(['var/folder/file900'])
  })

  test('has folders and large files stand alone', () => {
    const records = [
      found('', { type: 'd', names: 4 }),
      found('a'),
      found('large', { size: 10 ** 6 }),
      found('b'),
      found('c', { type: 'd', names: 2 }),
      found('c/d'),
    ]
    const alone = ['var/', 'var/large', 'var/c']
    const segments = cut(records).map(({ paths }) => pathsOf([{ key: undefined, entries: 0, paths }]))
    expect(segments.filter((paths) => paths.length === 1).flat()).toEqual(expect.arrayContaining(alone))
  })

  test('leaves out sockets, which archives do not hold', () => {
    expect(pathsOf(cut([found('a'), found('socket', { type: 's' }), found('b')]))).toEqual(['var/a', 'var/b'])
  })

  test('takes names of any bytes', () => {
    const odd = ['new\nline', 'back\\slash', '-dash', 'by\xff\x01te', ' ']
    expect(pathsOf(cut(odd.map((path) => found(path))))).toEqual(odd.map((path) => `var/${path}`))
  })

  test('refuses a list that was cut off', () => {
    expect(() => cut([found('a').slice(0, -1)])).toThrow('cut off')
  })
})
