import { expect, test } from 'vitest'
import type { Entry, PointReader } from '../../../../../../runtime/host/points/entry.ts'
import { lookAt } from '../../../../../../runtime/http/page/files/listing.ts'

/** A folder of so many files, which counts how many were told of. */
function folderOf(count: number) {
  let told = 0
  const entry = (path: string, type: Entry['type']) =>
    ({ path: Buffer.from(path), type, sizeBytes: 0, mtimeNs: 0n, mode: 0o600, uid: 0, gid: 0 }) as Entry
  async function* entries() {
    yield entry('many', 'directory')
    for (told = 0; told < count; told++) yield entry(`many/${(told * 7919) % count}`, 'file')
  }
  return { reader: { entries } as unknown as PointReader, told: () => told }
}

test('lookAt() reads a folder whole, by name', async () => {
  const { reader } = folderOf(12)
  const { itself, entries, isCut } = await lookAt(reader, Buffer.from('many'))
  expect([String(itself?.path), entries.length, isCut]).toEqual(['many', 12, false])
  expect(entries.map(({ path }) => String(path)).slice(0, 4)).toEqual([
    'many/0',
    'many/1',
    'many/10',
    'many/11',
  ])
})

test('lookAt() reads no further into a huge folder than somebody looks', async () => {
  const { reader, told } = folderOf(1_000_003)
  const { entries, isCut } = await lookAt(reader, Buffer.from('many'))
  expect([entries.length, isCut]).toEqual([10_000, true])
  expect(told()).toBeLessThan(10_010)
})
