import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LvSource } from '../../../../../runtime/config/config.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import type { Command, CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { halfMadeFor, resumeSources, undoHalfMade } from '../../../../../runtime/host/lvm/half-made.ts'
import { Lvm, type Volume } from '../../../../../runtime/host/lvm/lvm.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const config = parseConfig(
  `sources: { var: { lv: vg01/lv_var, target: disk }, usr: { path: /usr, target: disk } }
targets: { disk: { path: /nowhere/disk } }
`,
  'hdsync.yaml',
)
const source = config.sources.var as LvSource

const half: Volume = {
  vg: 'vg01',
  lv: 'hdsync_var',
  uuid: 'SpAryM-xdWP-XFiE-gxPo-k3QA-BxhD-TfNSUy',
  path: '/dev/vg01/hdsync_var',
  sizeBytes: 33_554_432,
  device: undefined,
  origin: undefined,
  pool: undefined,
  tags: ['hdsync', 'hdsync.run=k3m9pqrstv', 'hdsync.source=var', 'hdsync.store=store'],
  layout: 'linear',
  dataPercent: undefined,
  metadataPercent: undefined,
  invalid: false,
  needsCheck: false,
  group: { freeBytes: 0, extentBytes: 4_194_304 },
}

describe('halfMadeFor()', () => {
  test('knows what an lvcreate that was cut off leaves, also under a further name', () => {
    expect(halfMadeFor(half, 'store', config)).toBe(source)
    expect(halfMadeFor({ ...half, lv: 'hdsync_var.2' }, 'store', config)).toBe(source)
  })

  test.each<[string, Partial<Volume>]>([
    ['is a snapshot already', { origin: 'lv_var' }],
    ['lies in a thin pool', { pool: 'pool' }],
    ['is no plain volume', { layout: 'raid,raid1' }],
    ['lies in another group', { vg: 'vg02' }],
    ['has another name', { lv: 'hdsync_varnish' }],
    ['lacks a tag', { tags: half.tags.slice(1) }],
    ['is of another store', { tags: ['hdsync', 'hdsync.source=var', 'hdsync.store=other'] }],
    [
      'is of a source that is no volume',
      { lv: 'hdsync_usr', tags: ['hdsync', 'hdsync.source=usr', 'hdsync.store=store'] },
    ],
    [
      'is of a source that there is not',
      { lv: 'hdsync_opt', tags: ['hdsync', 'hdsync.source=opt', 'hdsync.store=store'] },
    ],
  ])('leaves alone what %s', (_, difference) => {
    expect(halfMadeFor({ ...half, ...difference }, 'store', config)).toBeUndefined()
  })
})

describe('undoHalfMade()', () => {
  const named = (path: string) => ({ ...half, path })

  test.each([
    ['nothing', Buffer.alloc(8192)],
    ['what an earlier snapshot left', Buffer.concat([Buffer.from('SnAp'), Buffer.alloc(8192, 7)])],
  ])('makes one that holds %s a snapshot, and removes that', async (_, contents) => {
    const { asked, tools } = lvmWith(contents)
    expect(await undoHalfMade(named(tools.path), source, tools)).toBe(true)
    expect(asked.filter((line) => !/^(dmsetup|blkid|lvs|lvchange --refresh)/.test(line))).toEqual([
      'lvchange --activate n vg01/hdsync_var',
      'lvconvert --yes --type snapshot vg01/lv_var hdsync_var',
      'lvremove --force vg01/hdsync_var',
    ])
  })

  test.each([
    ['data', Buffer.concat([Buffer.from('precious'), Buffer.alloc(8192)]), ''],
    ['a file system that begins further in', Buffer.alloc(8192), 'reiserfs\n'],
  ])('leaves one alone that holds %s', async (_, contents, blkid) => {
    const { asked, tools } = lvmWith(contents, { blkid })
    expect(await undoHalfMade(named(tools.path), source, tools)).toBe(false)
    expect(asked.filter((line) => /lvchange --activate|lvconvert|lvremove/.test(line))).toEqual([])
  })

  test('looks into one that is not active, and leaves it as it was', async () => {
    const { asked, tools } = lvmWith(Buffer.from('precious'.repeat(1024)), { active: false })
    expect(await undoHalfMade(named(tools.path), source, tools)).toBe(false)
    expect(asked.filter((line) => /--activate|lvconvert|lvremove/.test(line))).toEqual([
      'lvchange --activate n vg01/hdsync_var',
      'lvchange --activate y vg01/hdsync_var',
      'lvchange --activate n vg01/hdsync_var',
    ])
  })

  test('removes nothing that has not become a snapshot of its source', async () => {
    const { asked, tools } = lvmWith(Buffer.alloc(8192), { origin: '' })
    expect(await undoHalfMade(named(tools.path), source, tools)).toBe(false)
    expect(asked.some((line) => line.startsWith('lvremove'))).toBe(false)
  })
})

describe('resumeSources()', () => {
  /** @param looks What dmsetup says at each look. */
  function runnerSeeing(...looks: string[]) {
    const asked: string[] = []
    const run = async ({ argv }: Command) => {
      if (argv[1] !== 'info') asked.push(argv.join(' '))
      const stdout = argv[1] === 'info' ? (looks.shift() ?? '') : ''
      return { exitCode: 0, stdout, stderr: '', durationMs: 1 }
    }
    const nothing = () => {
      throw new Error('only run() is used here')
    }
    return { asked, runner: { run, open: nothing } as CommandRunner }
  }

  test('lets a volume go on that stays suspended, and says so', async () => {
    const { asked, runner } = runnerSeeing(
      ...Array(2).fill('vg01-lv_other Suspended\nvg01-lv_var Suspended\n'),
    )
    expect(await resumeSources(config, runner)).toEqual([
      'resumed vg01/lv_var, left suspended by an earlier run',
    ])
    expect(asked).toContain('dmsetup resume vg01-lv_var')
    expect(asked.some((line) => line.includes('lv_other'))).toBe(false)
  })

  test('leaves one alone that somebody suspends for a moment', async () => {
    const { asked, runner } = runnerSeeing('vg01-lv_var Suspended\n', 'vg01-lv_var Active\n')
    expect(await resumeSources(config, runner)).toEqual([])
    expect(asked).toEqual([])
  })
})

/** LVM with one volume, a file in the place of its device. */
function lvmWith(contents: Buffer, { blkid = '', active = true, origin = 'lv_var' } = {}) {
  const path = join(temporaryFolder(), 'device')
  if (active) writeFileSync(path, contents)
  const asked: string[] = []
  const row = {
    vg_name: 'vg01',
    lv_name: 'hdsync_var',
    lv_path: path,
    lv_size: '33554432',
    lv_kernel_major: '254',
    lv_kernel_minor: '9',
    origin,
    pool_lv: '',
    lv_tags: '',
    lv_layout: 'linear',
    data_percent: '',
    metadata_percent: '',
    lv_snapshot_invalid: '',
    lv_check_needed: 'unknown',
    vg_free: '0',
    vg_extent_size: '4194304',
  }
  const run = async ({ argv }: Command) => {
    asked.push(argv.join(' '))
    if (argv[2] === 'y') writeFileSync(path, contents)
    const stdout =
      { lvs: JSON.stringify({ report: [{ lv: [row] }] }), blkid }[argv[0] as 'lvs' | 'blkid'] ?? ''
    return { exitCode: 0, stdout, stderr: '', durationMs: 1 }
  }
  const nothing = () => {
    throw new Error('only run() is used here')
  }
  const runner: CommandRunner = { run, open: nothing }
  return { asked, tools: { lvm: new Lvm(runner), runner, path } }
}
