import { describe, expect, test } from 'vitest'
import { checkKernel } from '../../../../../runtime/cli/checks/kernel.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { boxWith } from './lvm.ts'

const targets = 'striped          v1.6.0\nsnapshot-origin  v1.9.0\nsnapshot         v1.16.0\n'
const lvmconfig = (threshold: number, monitoring = 1) =>
  `snapshot_autoextend_threshold=${threshold}\nmonitoring=${monitoring}\n`
const idsOf = async (answers: Parameters<typeof boxWith>[1]) =>
  (await checkKernel(boxWith([], answers))).map(({ id }) => id)

describe('checkKernel()', () => {
  test('is content with a module that is loaded, or can be', async () => {
    expect(await idsOf({ dmsetup: targets, lvmconfig: lvmconfig(100) })).toEqual([])
    expect(await idsOf({ dmsetup: 'striped v1.6.0\n', modprobe: '', lvmconfig: lvmconfig(100) })).toEqual([])
  })

  test('tells of a kernel without snapshots', async () => {
    expect(await checkKernel(boxWith([], { dmsetup: 'snapshot-origin v1.9.0\n' }))).toMatchObject([
      { id: 'lvm.no-kernel-module', severity: 'error', remedy: 'modprobe dm-snapshot tells why' },
    ])
  })

  test('warns of a dmeventd that extends snapshots too', async () => {
    expect(await checkKernel(boxWith([], { dmsetup: targets, lvmconfig: lvmconfig(70) }))).toMatchObject([
      { id: 'lvm.autoextend', severity: 'warning', finding: expect.stringContaining('from 70% on') },
    ])
    expect(await idsOf({ dmsetup: targets, lvmconfig: lvmconfig(70, 0) })).toEqual([])
    expect(await idsOf({ dmsetup: targets })).toEqual([])
  })

  test('asks nothing where no volume is backed up', async () => {
    const plain = parseConfig(
      'sources: { a: { path: /a, target: t } }\ntargets: { t: { path: /t } }\n',
      'hdsync.yaml',
    )
    expect(await checkKernel(boxWith([], {}, plain))).toEqual([])
  })
})
