import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ArchiveIndex, IndexBuilder } from '../../../../../../runtime/host/archive/pieces/archive-index.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

const about = { path: '/a/b.tar', file: '7 8', sizeBytes: 9, form: 'f', boot: 'b', writtenAt: 5 }
const bytes = (n: number, of = 16) => Buffer.alloc(of, String(n).padStart(8, '0'))

async function written(count: number): Promise<string> {
  const path = join(temporaryFolder(), 'indexes', 'var.Monday.index')
  const builder = new IndexBuilder()
  for (let n = 0; n < count; n += 1) builder.add(n % 3 === 0 ? undefined : bytes(n), bytes(-n), n)
  await builder.save(path, about)
  return path
}

describe('ArchiveIndex', () => {
  test.each([0, 1, 3000])('finds what was put into it: %i segments', async (count) => {
    const index = ArchiveIndex.read(await written(count))
    expect(index?.header).toEqual(about)
    expect(index?.count).toBe(count)
    const numbers = Array.from({ length: count }, (_, n) => n)
    // What has no key is in its place, and not found.
    expect(numbers.map((n) => index?.find(bytes(n)))).toEqual(
      numbers.map((n) => (n % 3 === 0 ? undefined : n)),
    )
    expect(numbers.map((n) => index?.entry(n))).toEqual(
      numbers.map((n) => ({ offset: (n * n - n) / 2, length: n, digest: bytes(-n) })),
    )
    expect(index?.find(bytes(count + 1))).toBeUndefined()
  })

  test('holds lengths of terabytes', async () => {
    const path = join(temporaryFolder(), 'index')
    const builder = new IndexBuilder()
    for (const n of [1, 2]) builder.add(bytes(n), bytes(n), 2 ** 43)
    await builder.save(path, about)
    expect(ArchiveIndex.read(path)?.entry(1)).toMatchObject({ offset: 2 ** 43, length: 2 ** 43 })
  })

  test('carry() says the same of another file', async () => {
    const path = await written(100)
    const other = join(temporaryFolder(), 'other')
    await ArchiveIndex.carry(path, other, { path: '/a/c.tar' })
    expect(ArchiveIndex.peek(other)).toEqual({ ...about, path: '/a/c.tar' })
    expect(ArchiveIndex.read(other)?.find(bytes(99 - 1))).toBe(98)
  })

  test.each<[string, (path: string) => void]>([
    ['is not there', (path) => truncateSync(path, 0)],
    ['is torn', (path) => truncateSync(path, readFileSync(path).length - 50)],
    ['has another bit', (path) => writeFileSync(path, flipped(readFileSync(path)))],
    ['is of something else', (path) => writeFileSync(path, 'something\nelse')],
  ])('is not believed when it %s', async (_, damage) => {
    const path = await written(100)
    damage(path)
    expect(ArchiveIndex.read(path)).toBeUndefined()
  })
})

function flipped(content: Buffer): Buffer {
  const middle = content.length >> 1
  content[middle] = (content[middle] ?? 0) ^ 1
  return content
}
