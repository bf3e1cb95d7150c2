import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { membersNamed } from '../../../../../runtime/host/points/pack.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const blockBytes = 512

/** A tar stream of a large file and a small one, by blocks. */
function tarOf(onBlock: (n: number) => void = () => {}): AsyncIterable<Buffer> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'early'), Buffer.alloc(200_000, 'early'))
  writeFileSync(join(folder, 'late'), 'late')
  const words = ['--create', '--format=posix', `--directory=${folder}`, 'early', 'late']
  const tar = execFileSync('tar', words)
  return (async function* () {
    for (let n = 0; n * blockBytes < tar.length; n += 1) {
      onBlock(n)
      yield tar.subarray(n * blockBytes, (n + 1) * blockBytes)
    }
  })()
}

test('of a tar stream only what was asked for is left, as an archive', async () => {
  const left = await buffer(membersNamed(tarOf(), new Set(['late']), new AbortController().signal))
  expect(execFileSync('tar', ['--list'], { input: left, encoding: 'utf8' })).toBe('late\n')
})

test('it ends when it is to, in the middle of what nobody asked for too', async () => {
  const stop = new AbortController()
  let blocks = 0
  const tar = tarOf((n) => {
    blocks = n
    if (n === 10) stop.abort(new Error('a backup is due'))
  })
  await expect(buffer(membersNamed(tar, new Set(['late']), stop.signal))).rejects.toThrow('a backup is due')
  expect(blocks).toBe(10)
})
