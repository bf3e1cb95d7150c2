import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../runtime/errors.ts'
import { parseSurvey, surveyArgvs, takeSurvey } from '../../../../runtime/host/survey.ts'
import { runnerOf } from '../cli/checks/lvm.ts'
import { machines, printedOn, surveyOf } from './machines.ts'
import { recordingRunner } from './runner.ts'

describe('parseSurvey()', () => {
  test.each(machines)('reads the record of %s', (machine) => {
    const { devices, mounts } = surveyOf(machine)
    expect(devices.length).toBeGreaterThan(0)
    expect(mounts.some(({ at }) => at === '/')).toBe(true)
  })

  test('puts a RAID below each of its parts, once', () => {
    const { devices } = surveyOf('md-raid')
    expect(devices.filter(({ name }) => name === 'md0')).toMatchObject([{ parents: ['sda1', 'sdb1'] }])
  })

  test('takes a partition of a disk that can be pulled out as such', () => {
    const { devices } = surveyOf('usb-stick')
    expect(devices.filter(({ removable }) => removable).map(({ name }) => name)).toEqual([
      'sdb',
      'sdb1',
      'sdc',
      'sdc1',
    ])
  })

  test('leaves out the subvolume that findmnt puts behind a device', () => {
    expect(surveyOf('btrfs-root').mounts.find(({ at }) => at === '/home')).toMatchObject({
      source: '/dev/nvme0n1p2',
      root: '/@home',
    })
  })

  test('reads numbers and booleans that an older lsblk prints as text', () => {
    const texts = printedOn('one-partition')
    const older = texts.lsblk.replace(
      /:(\d+|true|false)([,}])/g,
      (_, value, end) => `:"${Number(value === 'true' || value) || 0}"${end}`,
    )
    expect(parseSurvey({ ...texts, lsblk: older }).devices).toEqual(parseSurvey(texts).devices)
  })

  test('goes by blkid where udev has told lsblk nothing', () => {
    const texts = printedOn('cloud-vm')
    const lsblk = texts.lsblk.replaceAll(/"(fstype|uuid|label)":"[^"]*"/g, '"$1":null')
    const blkid =
      'DEVNAME=/dev/vda1\nUUID=1\nTYPE=ext4\n\nDEVNAME=/dev/vdb\nLABEL=two=words\nUUID=2\nTYPE=xfs\n'
    const { devices } = parseSurvey({ ...texts, lsblk, blkid })
    expect(devices.find(({ name }) => name === 'vdb')).toMatchObject({
      fileSystem: 'xfs',
      uuid: '2',
      label: 'two=words',
    })
    expect(devices.find(({ name }) => name === 'vda15')?.fileSystem).toBeUndefined()
  })

  test('says which tool printed something else', () => {
    const texts = printedOn('classic')
    expect(() => parseSurvey({ ...texts, findmnt: 'findmnt: unknown column' })).toThrow(
      /^findmnt did not print/,
    )
    expect(() => parseSurvey({ ...texts, pvs: '{}' })).toThrow(/pvs did not print/)
  })
})

describe('takeSurvey()', () => {
  test('asks each tool once, and is content without LVM', async () => {
    const { lsblk, findmnt } = printedOn('one-partition')
    const runner = runnerOf({ lsblk, findmnt, blkid: '' })
    const without = {
      ...runner,
      run: async (command: Parameters<typeof runner.run>[0]) => {
        if (/^[lvp][vg]s$/.test(command.argv[0]))
          throw new TerminalError(`${command.argv[0]} is not installed`)
        return runner.run(command)
      },
    }
    expect(await takeSurvey(without)).toMatchObject({ volumes: [], groups: [], physicalVolumes: [] })
    await expect(takeSurvey(runner)).rejects.toThrow(/nothing is known of lvs/)
  })

  test('asks the tools of this machine for columns that they know', async () => {
    const { runner } = recordingRunner()
    for (const tool of ['lsblk', 'findmnt'] as const) {
      const { stdout } = await runner.run({ argv: surveyArgvs[tool], timeoutMs: 60_000 })
      expect(JSON.parse(stdout)).toBeTypeOf('object')
    }
  })
})
