import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { mirrorReader } from '../../../../../runtime/host/points/mirror-reader.ts'
import { may, readableBy } from '../../../../../runtime/host/points/readable-by.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { isRoot, runner } from './tree.ts'

const ann = 12_345

test('may() lets an owner what theirs are, and others what the group may as well', () => {
  const of = (mode: number, uid = 0) => may({ mode, uid }, ann, 4)
  expect([of(0o400, ann), of(0o044, ann)]).toEqual([true, false])
  expect([of(0o644), of(0o640), of(0o604), of(0o600)]).toEqual([true, false, false, false])
})

async function named(reader: ReturnType<typeof readableBy>, under?: string, depth?: number) {
  const entries = reader.entries(under === undefined ? undefined : Buffer.from(under), depth)
  return (await Array.fromAsync(entries)).map(({ path }) => path.toString()).sort()
}

test.runIf(isRoot)('a user sees what they could read, wherever they begin', async () => {
  const root = temporaryFolder()
  chmodSync(root, 0o755)
  const folder = (name: string, mode: number, uid = 0) => {
    mkdirSync(join(root, name))
    chmodSync(join(root, name), mode)
    chownSync(join(root, name), uid, uid)
  }
  const file = (name: string, mode: number, uid = 0) => {
    writeFileSync(join(root, name), name)
    chmodSync(join(root, name), mode)
    chownSync(join(root, name), uid, uid)
  }
  folder('closed', 0o700)
  folder('closed/open', 0o755)
  folder('no-list', 0o711)
  folder('no-enter', 0o744)
  folder('ann', 0o700, ann)
  for (const parent of ['closed', 'closed/open', 'no-list', 'no-enter', 'ann'])
    file(`${parent}/theirs`, 0o600, ann)
  file('ann/roots', 0o600)
  file('ann/all', 0o444)
  symlinkSync('roots', join(root, 'ann/link'))
  linkSync(join(root, 'closed/theirs'), join(root, 'ann/zzz'))
  const reader = readableBy(ann, mirrorReader(root, runner))
  const inAnn = ['ann', 'ann/all', 'ann/link', 'ann/theirs']
  const all = await named(reader)
  expect(all.filter((path) => path !== 'ann/zzz')).toEqual(['', ...inAnn])
  expect((await named(reader, 'ann', 1)).filter((path) => path !== 'ann/zzz')).toEqual(inAnn)
  for (const under of [
    'closed',
    'closed/open',
    'closed/open/theirs',
    'no-list/theirs',
    'no-enter/theirs',
    'ann/roots',
  ])
    expect(await named(reader, under)).toEqual([])
  expect((await buffer(reader.read(Buffer.from('ann/theirs')))).toString()).toBe('ann/theirs')
  for (const path of ['closed/open/theirs', 'ann/roots', 'ann/link', 'ann'])
    await expect(buffer(reader.read(Buffer.from(path)))).rejects.toThrow('that you could read')
  chmodSync(root, 0o700)
  expect(await named(readableBy(ann, mirrorReader(root, runner)))).toEqual([])
})
