import { expect, test } from 'vitest'
import { inTurns } from '../../../../../../runtime/cli/daemon/users/in-turns.ts'
import { namesUnder } from '../../../../../../runtime/cli/daemon/users/names.ts'
import type { PointReader } from '../../../../../../runtime/host/points/entry.ts'

/** A restore point of so many files, read without waiting for anything, as a catalogue is. */
function filesOf(count: number) {
  const told = { read: 0 }
  async function* entries() {
    for (; told.read < count; told.read++) yield { path: Buffer.from(`file${told.read}`) }
  }
  return { told, reader: { entries } as unknown as PointReader }
}

test('the names of what a user restores have a bound', async () => {
  const paths = [Buffer.alloc(0)]
  expect([...(await namesUnder(paths, undefined, filesOf(3).reader))]).toEqual(['file0', 'file1', 'file2'])
  const { told, reader } = filesOf(1000)
  await expect(namesUnder(paths, undefined, reader, 1060)).rejects.toThrow('too much for a user at once')
  expect(told.read).toBe(10)
  const again = Array.from({ length: 11 }, () => Buffer.from('file0'))
  const same = { entries: () => filesOf(1).reader.entries() }
  await expect(namesUnder(again, 0, same, 1060)).rejects.toThrow('too much for a user at once')
})

test('who hangs up ends a reading that never waits, and others have their turn meanwhile', async () => {
  const { told, reader } = filesOf(1_000_000)
  const stop = new AbortController()
  setImmediate(() => stop.abort(new Error('hung up')))
  const reading = namesUnder([Buffer.alloc(0)], undefined, inTurns(reader, stop.signal))
  await expect(reading).rejects.toThrow('hung up')
  expect(told.read).toBeLessThan(5000)
})
