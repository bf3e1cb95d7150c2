import { hash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ArchiveCheck } from '../../../../../../runtime/host/archive/pieces/archive-check.ts'
import { digestOf, IndexBuilder } from '../../../../../../runtime/host/archive/pieces/archive-index.ts'

const contents = [1, 1000, 70_000, 5, 3].map((length) => randomBytes(length))
const archive = Buffer.concat(contents)

function know(index: IndexBuilder, segments = contents): IndexBuilder {
  for (const bytes of segments) index.add(undefined, digestOf(hash('sha256', bytes, 'buffer')), bytes.length)
  return index
}

/** Reads it in chunks of a size. */
function read(check: ArchiveCheck, bytes: Buffer, chunkBytes: number): void {
  for (let at = 0; at < bytes.length; at += chunkBytes) check.add(bytes.subarray(at, at + chunkBytes))
  check.end()
}

describe('ArchiveCheck', () => {
  test.each([1, 999, 4096, archive.length])('is content with what was written, in chunks of %i', (size) => {
    read(new ArchiveCheck(know(new IndexBuilder())), archive, size)
  })

  test.each([0, 500, 1001, 40_000, 71_001, archive.length - 1])('finds another bit at %i', (at) => {
    const bytes = Buffer.from(archive)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    for (const size of [999, archive.length]) {
      expect(() => read(new ArchiveCheck(know(new IndexBuilder())), bytes, size)).toThrow(
        'does not read back',
      )
    }
  })

  test.each([
    ['has lost its end', archive.subarray(0, -1)],
    ['has lost its last segment', archive.subarray(0, -3)],
    ['goes on', Buffer.concat([archive, Buffer.from('x')])],
    ['is empty', Buffer.alloc(0)],
  ])('finds out that it %s', (_, bytes) => {
    expect(() => read(new ArchiveCheck(know(new IndexBuilder())), bytes, 999)).toThrow('does not read back')
  })

  test('takes the beginning of a segment that is not known yet', () => {
    const index = know(new IndexBuilder(), contents.slice(0, 2))
    const check = new ArchiveCheck(index)
    check.add(archive.subarray(0, 30_000))
    know(index, contents.slice(2))
    check.add(archive.subarray(30_000))
    check.end()
  })

  test('finds out that such a segment turns out to be shorter than what was read of it', () => {
    const index = new IndexBuilder()
    const check = new ArchiveCheck(index)
    check.add(archive.subarray(0, 30_000))
    know(index)
    expect(() => check.add(archive.subarray(30_000))).toThrow('does not read back')
  })
})
