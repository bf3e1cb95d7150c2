import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import {
  checkArchiveRoom,
  checkMirrorRoom,
  checkSourceRoom,
  type History,
} from '../../../../../runtime/cli/checks/room.ts'
import { checkState } from '../../../../../runtime/cli/checks/state.ts'
import { checkTarget } from '../../../../../runtime/cli/checks/targets.ts'
import { type Config, parseConfig } from '../../../../../runtime/config/config.ts'
import { type Mount, mountOf, readMounts } from '../../../../../runtime/host/mount/mountinfo.ts'
import { writeMarker } from '../../../../../runtime/host/target/marker.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { boxWith } from './lvm.ts'

// No file system is filled for this: what statfs(2) says is.
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  return { ...real, statfs: vi.fn(real.statfs) }
})

const mib = 1024 ** 2
let folder: string
let config: Config
let mounts: Mount[]
/** Bytes free and in all, by the beginning of a path. */
let room: Record<string, { free: number; all: number }>

beforeEach(() => {
  folder = temporaryFolder()
  for (const name of ['home', 'disk', 'state']) mkdirSync(join(folder, name))
  config = parseConfig(
    `sources: { home: { path: ${folder}/home, target: disk } }
targets: { disk: { path: ${folder}/disk } }
archive: { target: disk }
state: ${folder}/state
`,
    'hdsync.yaml',
  )
  const below = mountOf(readMounts(), folder)
  if (!below) throw new Error('nothing is mounted')
  mounts = [below, ...['home', 'disk'].map((name) => ({ ...below, at: join(folder, name) }))]
  room = {}
  vi.mocked(statfs).mockImplementation((async (path: string) => {
    const found = Object.entries(room).find(([name]) => String(path).startsWith(join(folder, name)))
    const { free, all } = found?.[1] ?? { free: 500 * mib, all: 1000 * mib }
    return { bsize: 1, blocks: all, bfree: free, bavail: free, ffree: 100, files: 100, type: 0 }
  }) as unknown as typeof statfs)
})

const box = () => ({ ...boxWith([], {}, config), mounts })
const past = (...events: [type: string, data: object][]): History => ({
  events: ({ types }) =>
    events.filter(([type]) => types?.includes(type)).map(([type, data]) => ({ type, data }) as Envelope),
})
const synced = (bytesTransferred: number): [string, object] => [
  'source.synced',
  { source: 'home', filesTransferred: 1, bytesTransferred, filesDeleted: 0 },
]
const archived = (sizeBytes: number): [string, object] => [
  'source.archived',
  { source: 'home', path: `${folder}/disk/Monday/home.tar.zst`, sizeBytes },
]

describe('checkMirrorRoom()', () => {
  const check = (history?: History) => checkMirrorRoom(config.targets.disk as never, box(), history)

  test('asks for room for a first copy', async () => {
    room = { home: { free: 0, all: 400 * mib }, disk: { free: 300 * mib, all: 1000 * mib } }
    expect(await check()).toMatchObject([
      {
        id: 'target.too-small',
        severity: 'error',
        finding: `${folder}/disk has 300 MiB free, the first copies need 400 MiB`,
      },
    ])
    expect(await check(past(synced(1)))).toEqual([])
  })

  test('asks for a disk that can hold the mirrors at all', async () => {
    room = { home: { free: 0, all: 2000 * mib }, disk: { free: 900 * mib, all: 1000 * mib } }
    expect(await check(past(synced(1)))).toMatchObject([
      { id: 'target.too-small', finding: expect.stringContaining('need 2 GiB') },
    ])
  })

  test('goes by what was ever copied at once where a source is no file system by itself', async () => {
    mounts = mounts.filter(({ at }) => !at.endsWith('/home'))
    expect(await check()).toEqual([])
    expect(await check(past(synced(1), synced(3000 * mib), synced(2)))).toMatchObject([
      { id: 'target.too-small' },
    ])
  })
})

describe('checkArchiveRoom()', () => {
  const idsOf = async (history?: History) => (await checkArchiveRoom(box(), history)).map(({ id }) => id)

  test('asks for room beside last week’s archive, and for a week of them', async () => {
    expect(await idsOf()).toEqual([])
    expect(await idsOf(past(archived(50 * mib)))).toEqual([])
    expect(await idsOf(past(archived(100 * mib)))).toEqual(['archive.week-too-large'])
    expect(await idsOf(past(archived(501 * mib)))).toEqual(['archive.no-room'])
  })

  test('warns two weeks before the disk is full, by the growth of the last nights', async () => {
    const nights = (perDay: number): History => ({
      events: ({ types }) =>
        Array.from({ length: types?.includes('source.archived') ? 20 : 0 }, (_, night) => {
          const [type, data] = archived(1)
          const disk = { freeBytes: (500 + (19 - night) * perDay) * mib, totalBytes: 1000 * mib }
          const time = new Date(Date.UTC(2026, 0, 1 + night)).toISOString()
          return { type, time, data: { ...data, disk } } as Envelope
        }).reverse(),
    })
    expect(await idsOf(nights(30))).toEqual([])
    expect(await idsOf(nights(-30))).toEqual([])
    expect(await checkArchiveRoom(box(), nights(50))).toMatchObject([
      {
        id: 'archive.filling',
        severity: 'warning',
        finding: `${folder}/disk will be full in 10 days: it takes 50 MiB a day`,
      },
    ])
  })

  test('counts the days that are there already', async () => {
    for (const day of ['Monday', 'Tuesday', 'Wednesday', 'Thursday']) {
      mkdirSync(join(folder, 'disk', day))
      const file = join(folder, 'disk', day, 'home.tar.zst')
      writeFileSync(file, '')
      truncateSync(file, 100 * mib)
    }
    expect(await idsOf(past(archived(100 * mib)))).toEqual([])
  })
})

describe('what is nearly full', () => {
  const full = { free: 40 * mib, all: 1000 * mib }

  test('is told of sources, targets and the state directory', async () => {
    await writeMarker(join(folder, 'disk'), 'disk', 0)
    room = { home: full, disk: full, state: full }
    expect(await checkSourceRoom(config.sources.home as never, box())).toMatchObject([
      {
        id: 'source.nearly-full',
        severity: 'warning',
        finding: expect.stringContaining('40 MiB of 1000 MiB'),
      },
    ])
    const ofTarget = await checkTarget(config.targets.disk as never, box(), past(synced(1)))
    expect(ofTarget.map(({ id }) => id)).toContain('target.nearly-full')
    const ofState = await checkState(config, undefined)
    expect(ofState.map(({ id }) => id)).toContain('state.nearly-full')
  })
})
