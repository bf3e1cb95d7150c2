import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkDirectory, checkExclude, checkGaps } from '../../../../../runtime/cli/checks/directories.ts'
import type { PathSource } from '../../../../../runtime/config/config.ts'
import { type Mount, readMounts } from '../../../../../runtime/host/mount/mountinfo.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { boxWith } from './lvm.ts'

/** A source with a share mounted in it, whose mirror holds what lay there before. */
function withShare(exclude: string[] = []) {
  const folder = temporaryFolder()
  const source = {
    kind: 'path',
    name: 'data',
    path: join(folder, 'data'),
    target: 'disk',
    exclude,
  } as PathSource
  const target = { name: 'disk', path: join(folder, 'disk'), mounts: [], parallel: 1 }
  mkdirSync(join(source.path, 'share'), { recursive: true })
  mkdirSync(join(target.path, 'data', 'share'), { recursive: true })
  writeFileSync(join(target.path, 'data', 'share', 'old'), '')
  const box = boxWith([])
  const base = readMounts()[0] as Mount
  const share = {
    ...base,
    id: 9,
    device: '0:99',
    type: 'nfs4',
    source: 'nas:/x',
    at: join(source.path, 'share'),
  }
  const config = { ...box.config, sources: { data: source }, targets: { disk: target } }
  return { source, box: { ...box, config, mounts: [...readMounts(), share] } }
}

test('checkGaps() warns of what the mirror keeps below a mount, unless that is left out', async () => {
  const { source, box } = withShare()
  expect(await checkGaps(source, box)).toMatchObject([
    {
      id: 'path.shadowed',
      severity: 'warning',
      finding: expect.stringContaining(join(source.path, 'share')),
      remedy: expect.stringContaining('exclude: [/share/*]'),
    },
  ])
  const left = withShare(['/share/*'])
  expect(await checkGaps(left.source, left.box)).toEqual([])
  // A share is backed up where it is: that it is not copied is said, and no more.
  expect(checkDirectory(source, box)).toMatchObject([
    { id: 'path.ok', finding: expect.stringContaining('without what is mounted below it') },
  ])
})

test('checkGaps() says nothing of a directory that is not there: that is said already', async () => {
  const { source, box } = withShare()
  expect(await checkGaps({ ...source, path: '/nowhere' }, box)).toEqual([])
})

test.skipIf(process.getuid?.() !== 0)('checkGaps() warns of a file system that is in no backup', async () => {
  // The kernel's own file systems tell an odd number; which one it is, the table is told.
  const { box } = withShare()
  const source = {
    kind: 'path',
    name: 'dev',
    path: '/dev',
    target: 'disk',
    exclude: ['/pts'],
  } as never as PathSource
  const mounts = readMounts().map((one) =>
    one.at === '/dev/shm' ? { ...one, type: 'ext4', device: '8:99' } : one,
  )
  expect(await checkGaps(source, { ...box, mounts })).toMatchObject([
    {
      id: 'path.uncovered',
      severity: 'warning',
      finding: expect.stringContaining('/dev/shm (ext4 file system)'),
    },
  ])
})

test.each([['*'], ['/*'], ['**'], ['/**'], ['/']])('checkExclude() warns of %s', (pattern) => {
  expect(checkExclude({ name: 'data', exclude: ['cache', pattern] } as never)).toMatchObject([
    { id: 'path.excluded', severity: 'warning', about: 'source data' },
  ])
  expect(checkExclude({ name: 'data', exclude: ['cache', '*.bak', '/tmp/*'] } as never)).toEqual([])
})
