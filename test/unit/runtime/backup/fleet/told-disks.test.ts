import { mkdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import { ToldDisks } from '../../../../../runtime/backup/fleet/told-disks.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const dayMs = 86_400_000

/** The archives of a source, one each day, by which the disk has filled up. */
function archived(nights: number): Envelope[] {
  return Array.from({ length: nights }, (_, n) => ({
    ...{ specversion: '1.0', source: '/t', type: 'source.archived', subject: 'home', attempt: 1, id: `${n}` },
    ...{ datacontenttype: 'application/json', time: new Date(Date.now() - n * dayMs).toISOString() },
    data: {
      ...{ source: 'home', path: `/b/archives/day${n}/home.tar.zst`, sizeBytes: 1 },
      disk: { freeBytes: 1_000_000 + n * 1000, totalBytes: 2_000_000 },
    },
  })) as unknown as Envelope[]
}

/** The disk of the archives is not mounted, that of the mirrors is there. */
function disksOf(nights: number) {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'mirrors'))
  const text = `sources: { home: { path: /home, target: mirrors } }
targets:
  mirrors: { path: ${folder}/mirrors }
  archives: { path: ${folder}/archives, mounts: [{ device: /dev/none, at: ${folder}/archives }] }
archive: { target: archives }
`
  const all = archived(nights)
  const bus = {
    events: ({ limit, newestFirst }: { limit?: number; newestFirst?: boolean }) =>
      (newestFirst ? all : all.toReversed()).slice(0, limit),
  }
  return { disks: new ToldDisks(parseConfig(text, 'hdsync.yaml'), bus), folder }
}

test('a host tells of the disks that are there, and of that of its archives what its nights have told', async () => {
  const { disks, folder } = disksOf(15)
  expect(disks.known).toBe(undefined)
  await disks.look()
  const { blocks, bsize } = await statfs(folder)
  expect(disks.known).toEqual([
    { target: 'mirrors', freeBytes: expect.any(Number), totalBytes: blocks * bsize, perDayBytes: null },
    { target: 'archives', freeBytes: 1_000_000, totalBytes: 2_000_000, perDayBytes: 1000 },
  ])
})

test('of a disk of which nothing is known nothing is told', async () => {
  const { disks } = disksOf(0)
  await disks.look()
  expect(disks.known?.map(({ target }) => target)).toEqual(['mirrors'])
})
