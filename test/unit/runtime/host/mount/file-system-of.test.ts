import { mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { fileSystemOf, liesElsewhere } from '../../../../../runtime/host/mount/file-system-of.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

/** Says what blkid would, and what it was asked. */
function blkid(stdout: string): { runner: CommandRunner; asked: string[] } {
  const asked: string[] = []
  const run = async ({ argv }: { argv: readonly string[] }) => {
    asked.push(argv.join(' '))
    return { exitCode: 0, stdout, stderr: '', durationMs: 0 }
  }
  return { runner: { run } as unknown as CommandRunner, asked }
}

/** A source, and a mount that it lies on. */
function world(mount: (folder: string) => string) {
  const folder = temporaryFolder()
  for (const name of ['source', 'uuid', 'btrfs']) mkdirSync(join(folder, name))
  const mounts = parseMountinfo(`20 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 20 ${mount(folder)}\n`)
  const places = { mounts, byUuid: join(folder, 'uuid'), btrfs: join(folder, 'btrfs') }
  return { folder, source: join(folder, 'source'), places }
}

describe('fileSystemOf()', () => {
  test('is the UUID by which udev names the device, without asking a program', async () => {
    const { source, places } = world((folder) => `1:3 / ${folder} rw - ext4 /dev/root rw`)
    // /dev/null has the number 1:3 everywhere.
    symlinkSync('/dev/null', join(places.byUuid, 'da7a'))
    symlinkSync('/nowhere', join(places.byUuid, 'away'))
    const { runner, asked } = blkid('')
    expect(await fileSystemOf(runner, source, places)).toEqual({
      id: 'UUID=da7a',
      type: 'ext4',
      at: places.mounts[1]?.at,
      inode: String(statSync(source).ino),
    })
    expect(asked).toEqual([])
  })

  test('is what blkid says where there is no udev, and the device where that says nothing', async () => {
    const { source, places } = world((folder) => `254:3 / ${folder} rw - xfs /dev/vda3 rw`)
    const { runner, asked } = blkid('beef\n')
    expect(await fileSystemOf(runner, source, places)).toMatchObject({ id: 'UUID=beef', type: 'xfs' })
    expect(asked).toEqual(['blkid --match-tag UUID --output value -- /dev/vda3'])
    expect(await fileSystemOf(blkid('').runner, source, places)).toMatchObject({ id: 'device /dev/vda3' })
  })

  test('is asked once for sources that are read at the same time, and again by those that come later', async () => {
    const { source, places } = world((folder) => `254:4 / ${folder} rw - xfs /dev/vda4 rw`)
    const { runner, asked } = blkid('beef\n')
    const both = await Promise.all([1, 2].map(() => fileSystemOf(runner, source, places)))
    expect(both.map((one) => one?.id)).toEqual(['UUID=beef', 'UUID=beef'])
    expect(asked).toHaveLength(1)
    await fileSystemOf(runner, source, places)
    expect(asked).toHaveLength(2)
  })

  test('is asked by each whose answer was to come from one that was cancelled', async () => {
    const { source, places } = world((folder) => `254:5 / ${folder} rw - xfs /dev/vda5 rw`)
    const run = () => Promise.reject(new Error('cancelled'))
    const cancelled = fileSystemOf({ run } as unknown as CommandRunner, source, places)
    const { runner, asked } = blkid('beef\n')
    const other = fileSystemOf(runner, source, places)
    await expect(cancelled).rejects.toThrow('cancelled')
    expect(await other).toMatchObject({ id: 'UUID=beef' })
    expect(asked).toHaveLength(1)
  })

  test('of btrfs is that of any of its devices, and the subvolume', async () => {
    const { source, places } = world(
      (folder) => `0:44 /@home ${folder} rw - btrfs /dev/null rw,subvol=/@home`,
    )
    mkdirSync(join(places.btrfs, 'c0de', 'devices', 'null'), { recursive: true })
    mkdirSync(join(places.btrfs, 'features'))
    expect(await fileSystemOf(blkid('').runner, source, places)).toMatchObject({
      id: 'UUID=c0de',
      subvolume: '/@home',
    })
  })

  test.each([
    ['nfs4 server:/export', (folder: string) => `0:50 / ${folder} rw - nfs4 server:/export rw`],
    ['tmpfs tmpfs', (folder: string) => `0:51 / ${folder} rw - tmpfs tmpfs rw`],
    ['zfs tank/data', (folder: string) => `0:52 / ${folder} rw - zfs tank/data rw`],
  ])('without a device is %s', async (id, mount) => {
    const { source, places } = world(mount)
    expect(await fileSystemOf(blkid('').runner, source, places)).toMatchObject({ id })
  })

  test('is that of where a link leads', async () => {
    const { folder, source, places } = world((folder) => `0:51 / ${folder}/source rw - tmpfs tmpfs rw`)
    symlinkSync(source, join(folder, 'link'))
    expect(await fileSystemOf(blkid('').runner, join(folder, 'link'), places)).toMatchObject({ at: source })
  })
})

describe('liesElsewhere()', () => {
  const here = { id: 'UUID=1', type: 'btrfs', at: '/home', subvolume: '/@home', inode: '256' }

  test.each([
    ['the same', here, false],
    ['another folder of it', { ...here, inode: '300' }, false],
    ['the same, mounted elsewhere', { ...here, at: '/mnt' }, false],
    ['another one', { ...here, id: 'UUID=2' }, true],
    ['a subvolume that is not mounted', { ...here, at: '/', subvolume: '/@' }, true],
    ['a snapshot that it was rolled back to', { ...here, subvolume: '/@snapshots/7' }, false],
    ['one of another type whose UUID nobody knows', { ...here, id: 'device /dev/vda', type: 'ext4' }, true],
    [
      'a mount that is missing, on a device whose UUID nobody knows',
      { ...here, id: 'device /dev/vda', at: '/' },
      true,
    ],
    ['a device whose UUID nobody knows, mounted there', { ...here, id: 'device /dev/vda' }, false],
  ])('of %s', (_, now, elsewhere) => expect(liesElsewhere(here, now)).toBe(elsewhere))
})
