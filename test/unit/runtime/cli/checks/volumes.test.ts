import { describe, expect, test } from 'vitest'
import { checkForeignSnapshots, checkVolume } from '../../../../../runtime/cli/checks/volumes.ts'
import type { LvSource } from '../../../../../runtime/config/config.ts'
import { boxWith, config, type Row } from './lvm.ts'

const source = config.sources.var as LvSource
const lv: Row = { lv_name: 'lv_var' }
const check = (volumes: Row[], answers = {}) => checkVolume(source, boxWith(volumes, answers))
const idsOf = async (volumes: Row[], answers = {}) => (await check(volumes, answers)).map(({ id }) => id)

describe('checkVolume()', () => {
  test('is content with an active volume, room for a snapshot and a file system', async () => {
    expect(await check([lv])).toEqual([
      {
        id: 'lvm.ok',
        severity: 'ok',
        about: 'source var',
        finding: 'vg01/lv_var, 64 MiB: there is room for a snapshot of 64 MiB',
        remedy: null,
      },
      expect.objectContaining({ id: 'lvm.file-system', finding: 'its file system is ext4' }),
    ])
  })

  test('names what keeps a snapshot from being taken, with its remedy', async () => {
    expect(await check([])).toMatchObject([{ id: 'lvm.unreadable', severity: 'error' }])
    expect(await check([{ lv_name: 'other' }])).toMatchObject([
      {
        id: 'lvm.no-volume',
        finding: 'there is no logical volume vg01/lv_var',
        remedy: expect.stringContaining('lvs'),
      },
    ])
    expect(await check([{ ...lv, lv_kernel_major: '-1' }])).toMatchObject([
      { id: 'lvm.inactive', remedy: 'lvchange --activate y vg01/lv_var' },
    ])
    const stranger = { lv_name: 'hdsync_var', origin: 'lv_var', lv_tags: 'hdsync,hdsync.store=another' }
    expect(await idsOf([lv, stranger])).toEqual(['lvm.name-taken'])
    expect(await check([lv], { lvs: { stderr: '  Volume group "vg01" not found' } })).toMatchObject([
      { id: 'lvm.unreadable', finding: 'there is no volume group vg01', remedy: 'vgs lists them' },
    ])
  })

  test('asks for free extents', async () => {
    expect(await check([{ ...lv, vg_free: '0' }])).toMatchObject([
      { id: 'lvm.no-free-extents', severity: 'error', remedy: expect.stringContaining('vgs') },
      { severity: 'ok' },
    ])
    expect(await check([{ ...lv, vg_free: '8388608' }])).toMatchObject([
      {
        id: 'lvm.few-free-extents',
        severity: 'warning',
        finding: expect.stringContaining('only 8 MiB are free'),
      },
      { severity: 'ok' },
    ])
  })

  test('looks at the pool of a thin volume', async () => {
    const thin = { ...lv, pool_lv: 'pool', vg_free: '0' }
    const pool = { lv_name: 'pool', data_percent: '12.5', metadata_percent: '3', lv_check_needed: '' }
    expect(await idsOf([thin, pool])).toEqual(['lvm.ok', 'lvm.file-system'])
    expect(await idsOf([thin, { ...pool, data_percent: '96' }])).toEqual(['lvm.pool-full'])
    expect(await idsOf([thin, { ...pool, lv_check_needed: 'check needed' }])).toEqual(['lvm.pool-full'])
    expect(await check([thin, { ...pool, metadata_percent: '81' }])).toMatchObject([
      { id: 'lvm.ok' },
      {
        id: 'lvm.pool-filling',
        severity: 'warning',
        finding: 'the thin pool vg01/pool has 81% of its metadata in use',
        remedy: 'lvextend --poolmetadatasize +1G vg01/pool',
      },
      { id: 'lvm.file-system' },
    ])
  })

  test('warns of a cached volume, unless LVM does not check its cache', async () => {
    const cached = { ...lv, lv_layout: 'cache', origin: '[lv_var_corig]', pool_lv: '[fast_cvol]' }
    const says = (program: string) => ({ lvmconfig: `cache_check_executable="${program}"\n` })
    expect(await check([cached], says(process.execPath))).toMatchObject([
      { id: 'lvm.ok' },
      {
        id: 'lvm.cached',
        severity: 'warning',
        finding: expect.stringContaining('vg01/lv_var is cached'),
        remedy: expect.stringContaining('lvconvert --splitcache vg01/lv_var'),
      },
      { id: 'lvm.file-system' },
    ])
    expect(await idsOf([cached])).toContain('lvm.cached')
    for (const program of ['', '/nowhere/cache_check']) {
      expect(await idsOf([cached], says(program))).toEqual(['lvm.ok', 'lvm.file-system'])
    }
    expect(await idsOf([{ ...lv, lv_layout: 'writecache' }])).toEqual(['lvm.ok', 'lvm.file-system'])
  })

  test('asks for a file system of which a snapshot can be mounted', async () => {
    expect(await idsOf([lv], { blkid: 'xfs\n' })).toEqual(['lvm.ok', 'lvm.nouuid'])
    expect(await idsOf([lv], { blkid: 'btrfs\n' })).toEqual(['lvm.unsupported-file-system'])
    expect(await check([lv], { blkid: '' })).toMatchObject([
      {
        id: 'lvm.no-file-system',
        severity: 'error',
        finding: expect.stringContaining('nothing that is known'),
      },
    ])
    expect(await check([lv], { blkid: 'crypto_LUKS\n' })).toMatchObject([
      {
        id: 'lvm.no-file-system',
        finding: 'vg01/lv_var holds encrypted data (crypto_LUKS): no file system that can be mounted',
        remedy: expect.stringContaining('as a directory'),
      },
    ])
  })
})

describe('checkForeignSnapshots()', () => {
  const snapshot = { lv_name: 'mine', origin: 'lv_var', lv_snapshot_invalid: 'snapshot invalid' }

  test('warns of those that have overflowed', async () => {
    expect(await checkForeignSnapshots(boxWith([lv, snapshot]))).toMatchObject([
      {
        id: 'lvm.overflowed-snapshot',
        about: 'volume group vg01',
        remedy: expect.stringContaining('lvremove vg01/mine'),
      },
    ])
  })

  test('warns of those of a source, as they slow its writes down', async () => {
    const sound = { ...snapshot, lv_snapshot_invalid: '' }
    expect(await checkForeignSnapshots(boxWith([lv, sound]))).toMatchObject([
      {
        id: 'lvm.foreign-snapshot',
        severity: 'warning',
        remedy: 'if nobody needs it: lvremove vg01/mine',
      },
    ])
  })

  test('leaves alone what is sound, what is hdsync’s own, and what is no thick snapshot', async () => {
    const volumes = [
      lv,
      { ...snapshot, lv_snapshot_invalid: '', origin: 'lv_of_no_source' },
      { ...snapshot, lv_tags: 'hdsync' },
      { ...snapshot, pool_lv: 'pool', lv_snapshot_invalid: 'unknown' },
    ]
    expect(await checkForeignSnapshots(boxWith(volumes))).toEqual([])
    expect(await checkForeignSnapshots(boxWith([], { lvs: { stderr: 'no' } }))).toEqual([])
  })
})
