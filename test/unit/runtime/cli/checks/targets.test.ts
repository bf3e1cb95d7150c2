import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkTarget } from '../../../../../runtime/cli/checks/targets.ts'
import type { Target } from '../../../../../runtime/config/config.ts'
import { writeMarker } from '../../../../../runtime/host/marker.ts'
import { mountOf, readMounts } from '../../../../../runtime/host/mountinfo.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { boxWith, config } from './lvm.ts'

const target = (path: string, mounts: Target['mounts'] = []): Target => ({ name: 'disk', path, mounts })
const idsOf = async (one: Target, box = boxWith([])) => (await checkTarget(one, box)).map(({ id }) => id)

describe('checkTarget()', () => {
  test('is content with a folder that carries the marker', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    expect(await idsOf(target(folder))).toEqual(['target.ok'])
  })

  test('tells what is wrong with a folder', async () => {
    const folder = temporaryFolder()
    expect(await checkTarget(target(folder), boxWith([]))).toMatchObject([
      {
        id: 'target.no-marker',
        severity: 'error',
        remedy: expect.stringContaining('hdsync target adopt disk'),
      },
    ])
    await writeMarker(folder, 'other', 0)
    expect(await idsOf(target(folder))).toEqual(['target.other-marker'])
    writeFileSync(join(folder, '.hdsync-target'), 'scribble')
    expect(await idsOf(target(folder))).toEqual(['target.bad-marker'])
    rmSync(folder, { recursive: true })
    expect(await checkTarget(target(folder), boxWith([]))).toMatchObject([
      { id: 'target.no-folder', remedy: `mkdir -p ${folder}` },
    ])
  })

  test('asks for the disks and the mount points of what is not mounted now', async () => {
    const folder = temporaryFolder()
    const at = join(folder, 'at')
    const absent = target(at, [{ device: '/dev/no-such-disk', at }])
    expect(await idsOf(absent)).toEqual(['target.no-device', 'target.no-mount-point'])
    mkdirSync(at)
    expect(await idsOf(absent)).toEqual(['target.no-device'])
    const findfs = { findfs: '/dev/null\n' }
    expect(await idsOf(target(at, [{ device: 'UUID=1', at }]), boxWith([], findfs))).toEqual([
      'target.no-device',
    ])
  })

  test('expects no mount point inside of what is not mounted', async () => {
    const folder = temporaryFolder()
    const nested = target(folder, [
      { device: '/dev/no-such-disk', at: folder },
      { device: '/dev/no-such-disk', at: join(folder, 'var') },
    ])
    expect(await idsOf(nested)).toEqual(['target.no-device', 'target.no-device'])
  })

  test('warns of a target on the file system of its source, once for all that it keeps', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const sources = Object.fromEntries(
      ['one', 'two'].map((name) => [
        name,
        { ...config.sources.var, name, kind: 'path', path: join(folder, name) },
      ]),
    )
    const box = boxWith([], {}, { ...config, sources } as typeof config)
    const findings = await checkTarget(target(folder), { ...box, mounts: readMounts() })
    expect(findings.filter(({ id }) => id === 'target.same-disk')).toMatchObject([
      { severity: 'warning', finding: expect.stringContaining('what it keeps of one, two:') },
    ])
  })

  test('warns of a target in the volume group of its source', async () => {
    const folder = temporaryFolder()
    await writeMarker(folder, 'disk', 0)
    const mounts = readMounts()
    const there = mountOf(mounts, folder)
    const volumes = [
      { lv_name: 'lv_var' },
      {
        lv_name: 'backup',
        lv_kernel_major: there?.device.split(':')[0],
        lv_kernel_minor: there?.device.split(':')[1],
      },
    ] as { lv_name: string }[]
    const box = { ...boxWith(volumes), mounts }
    expect(await checkTarget(target(folder), box)).toContainEqual(
      expect.objectContaining({
        id: 'target.same-disk',
        finding: expect.stringContaining('volume group vg01'),
      }),
    )
  })
})
