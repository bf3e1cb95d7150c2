import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../../runtime/errors.ts'
import { markerFile, readMarker, writeMarker } from '../../../../../runtime/host/target/marker.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const now = Date.UTC(2026, 0, 1)

describe('writeMarker()', () => {
  test('makes a marker that readMarker() finds, and leaves nothing beside it', async () => {
    const folder = temporaryFolder()
    const written = await writeMarker(folder, 'hdd1', now)
    expect(written).toEqual({
      id: expect.stringMatching(/^[\w-]{12}$/),
      target: 'hdd1',
      adoptedAt: '2026-01-01T00:00:00.000Z',
    })
    expect(readMarker(folder)).toEqual(written)
    expect(readdirSync(folder)).toEqual([markerFile])
    expect(statSync(join(folder, markerFile)).mode & 0o777).toBe(0o644)
  })

  test('takes the place of an earlier one, and of what a crash left', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'hdd1', now)
    writeFileSync(join(folder, `${markerFile}.new`), '{ "id": "lo')
    const second = await writeMarker(folder, 'hdd2', now)
    expect(readMarker(folder)).toEqual(second)
    expect(readdirSync(folder)).toEqual([markerFile])
  })
})

describe('readMarker()', () => {
  test('finds none in a folder without one, nor where there is no folder', () => {
    expect(readMarker(temporaryFolder())).toBeUndefined()
    expect(readMarker('/nowhere/at/all')).toBeUndefined()
  })

  test.each(['', '{ "id": "torn', 'null', '{}', '{"id":1,"target":"hdd1","adoptedAt":"x"}'])(
    'refuses %j, and says what to do',
    (text) => {
      const folder = temporaryFolder()
      writeFileSync(join(folder, markerFile), text)
      expect(() => readMarker(folder)).toThrow(TerminalError)
      expect(() => readMarker(folder)).toThrow(`${join(folder, markerFile)} is not a marker of hdsync`)
    },
  )

  test('refuses one that cannot be read', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, markerFile))
    expect(() => readMarker(folder)).toThrow(/^cannot read the marker .*EISDIR/)
  })
})
