import { expect, test } from 'vitest'
import { volumesOf } from '../../../../../runtime/host/machine/look-at-groups.ts'

const columns =
  'lv_name,vg_name,lv_size,segtype,stripes,pool_lv,origin,chunk_size,lv_metadata_size,lv_tags'.split(',')

/** As `lvs --units b --nosuffix` printed it in the middle of a night: lv_home lies on two disks. */
const report = [
  ['lv_home', 'vg01', '243269632', 'linear', '1', '', '', '0', '', ''],
  ['lv_home', 'vg01', '243269632', 'linear', '1', '', '', '0', '', ''],
  ['lv_var', 'vg01', '67108864', 'linear', '1', '', '', '0', '', ''],
  [
    'hdsync_var',
    'vg01',
    '8388608',
    'linear',
    '1',
    '',
    'lv_var',
    '4096',
    '',
    'hdsync.run=a,hdsync.source=var',
  ],
  ['before', 'vg01', '8388608', 'linear', '1', '', 'lv_var', '4096', '', 'mine'],
  ['pool', 'vg01', '67108864', 'thin-pool', '1', '', '', '65536', '4194304', ''],
  ['lv_data', 'vg01', '50331648', 'thin', '0', 'pool', '', '0', '', ''],
].map((values) => Object.fromEntries(columns.map((column, n) => [column, values[n] ?? ''])))

test('a volume of several segments is one volume, and a snapshot of a night is none', () => {
  expect(volumesOf(report).map(({ name, sizeBytes, type }) => [name, sizeBytes, type])).toEqual([
    ['lv_home', 243269632, 'linear'],
    ['lv_var', 67108864, 'linear'],
    ['before', 8388608, 'linear'],
    ['pool', 67108864, 'thin-pool'],
    ['lv_data', 50331648, 'thin'],
  ])
})

test('a pool is told of with its chunks, a volume in it with its pool, a snapshot with its origin', () => {
  const found = new Map(volumesOf(report).map((one) => [one.name, one]))
  expect(found.get('pool')).toMatchObject({ chunkBytes: 65536, metadataBytes: 4194304 })
  expect(found.get('lv_data')).toMatchObject({ pool: 'pool', stripes: 1 })
  expect(found.get('before')).toMatchObject({ origin: 'lv_var' })
})
