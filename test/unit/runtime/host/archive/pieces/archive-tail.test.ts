import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { ArchivePlan } from '../../../../../../runtime/host/archive/archive-place.ts'
import { ArchiveTail, readTailHeader } from '../../../../../../runtime/host/archive/pieces/archive-tail.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { prepare, write } from '../../archive-plans.ts'

/** A plan of a mirror with many small files and one that is several frames long. */
function mirror(options: Partial<ArchivePlan> = {}): ArchivePlan {
  const plan = prepare(options)
  const at = (name: string) => join(plan.from.path, 'var', name)
  for (let n = 0; n < 60; n += 1) writeFileSync(at(`file${n}`), `contents of ${n}\n`.repeat(n * 5))
  writeFileSync(at('large'), randomBytes(5 * 1024 ** 2))
  return plan
}

async function tailOf(path: string): Promise<ArchiveTail | undefined> {
  await using file = await open(path)
  return await ArchiveTail.read(file)
}

describe('the tail of an archive', () => {
  test('leaves it to tar and zstd as it was', async () => {
    const plan = mirror()
    const { path } = await write(plan)
    execFileSync('zstd', ['--quiet', '--test', path])
    const folder = temporaryFolder()
    execFileSync('tar', ['--extract', '--zstd', `--file=${path}`, '-C', folder])
    execFileSync('diff', ['-r', join(plan.from.path, 'var'), join(folder, 'var')])
  })

  test('tells where each segment lies, of one that was taken as of one that was packed', async () => {
    const plan = mirror()
    await write(plan)
    for (let n = 0; n < 60; n += 10) writeFileSync(join(plan.from.path, 'var', `file${n}`), 'changed')
    const { path } = await write({ ...plan, weekday: 'Friday' })
    const tail = await tailOf(path)
    const bytes = readFileSync(path)
    const segments = [...(tail?.places() ?? [])]
    expect(segments.length).toBeGreaterThan(20)
    const unpacked = segments.map(({ offset, length }) =>
      zstdDecompressSync(bytes.subarray(offset, offset + length)),
    )
    expect(Buffer.concat(unpacked)).toEqual(execFileSync('zstd', ['-dc', path], { maxBuffer: 2 ** 28 }))
    // Each begins with a header of tar, but for the last one, which is the end of the tar.
    for (const one of unpacked.slice(0, -1)) expect(one.toString('latin1', 257, 262)).toBe('ustar')
    expect(unpacked.at(-1)).toEqual(Buffer.alloc(1024))
  })

  test('names the same segments alike, and others otherwise', async () => {
    const plan = mirror()
    const headerOf = async (weekday: string) => {
      const { path } = await write({ ...plan, weekday })
      await using file = await open(path)
      return await readTailHeader(file)
    }
    // What was written in the very moment of an archive has no key in it.
    await headerOf('Sunday')
    const [monday, tuesday] = [await headerOf('Monday'), await headerOf('Tuesday')]
    expect(tuesday?.id).toBe(monday?.id)
    expect(Math.abs((monday?.writtenAt ?? 0) - Date.now())).toBeLessThan(600_000)
    writeFileSync(join(plan.from.path, 'var', 'file3'), 'changed')
    expect((await headerOf('Wednesday'))?.id).not.toBe(monday?.id)
  })

  test('is not there with gzip, without compression, or behind what is cut off', async () => {
    for (const compression of ['gzip', 'none'] as const) {
      const { path } = await write(mirror({ compression, level: undefined }))
      expect(await tailOf(path)).toBeUndefined()
    }
    const { path } = await write(mirror())
    const bytes = readFileSync(path)
    for (const length of [0, 5, 17, bytes.length - 1]) {
      writeFileSync(path, bytes.subarray(0, length))
      expect(await tailOf(path)).toBeUndefined()
    }
  })

  test('is not believed where a bit of it has changed', async () => {
    const { path } = await write(mirror())
    const bytes = readFileSync(path)
    const end = bytes.length - 17
    const tableBytes = 8 + bytes.readUInt32LE(end + 8) * 8 + 9
    const from = bytes.length - tableBytes - bytes.readUInt32LE(end)
    const copy = join(temporaryFolder(), 'copy')
    for (let at = from + 60; at < bytes.length - tableBytes; at += 97) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ 4
      writeFileSync(copy, damaged)
      expect(await tailOf(copy), `at ${at} from ${from}`).toBeUndefined()
    }
  })
})

/** zstd's own example of a reader that seeks: contrib/seekable_format/examples in its source, which is not packaged. */
const seekTool = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'seekable_decompression'))
  .find(existsSync)

const title = 'the seek table is one for zstd’s own seekable_decompression'
const missing = seekTool ? '' : ': skipped, it is not in PATH (build it from `apt-get source zstd`)'
test.skipIf(!seekTool)(title + missing, async () => {
  const { path } = await write(mirror())
  const tar = execFileSync('zstd', ['-dc', path], { maxBuffer: 2 ** 28 })
  for (const [from, to] of [
    [0, 1000],
    [100_000, 100_001],
    [3_000_000, 5_200_000],
    [tar.length - 2000, tar.length],
  ] as const) {
    const read = execFileSync(seekTool ?? '', [path, String(from), String(to)], { maxBuffer: 2 ** 28 })
    expect(read.equals(tar.subarray(from, to)), `${from} to ${to}`).toBe(true)
  }
})
