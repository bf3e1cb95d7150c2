import { describe, expect, test } from 'vitest'
import { otherDisks } from '../../../../../runtime/backup/rescue/same-disks.ts'
import type { FreshDisk } from '../../../../../runtime/host/machine/fresh-disks.ts'
import type { RescueJournal } from '../../../../../runtime/host/machine/rescue-journal.ts'
import type { Step } from '../../../../../runtime/host/machine/step.ts'

type Disk = RescueJournal['disks'][number]

const gib = 1024 ** 3
const table = '956fb077-19e3-a748-b61e-f006785be95c'
const sfdisk: Step = {
  id: 'table',
  why: 'the partitions',
  argv: ['sfdisk', '--wipe', 'always', '/dev/sdb'],
  input: `label: gpt\nlabel-id: ${table.toUpperCase()}\nunit: sectors\n`,
}
const mkfs: Step = { id: 'mkfs', why: 'ext4', argv: ['mke2fs', '-F', '/dev/sdb1'] }
const wipe: Step = { id: 'wipe', why: 'gone', argv: ['wipefs', '--all', '--force', '/dev/sdb'] }

/** The rescue of one disk, that has come to the partition table unless told otherwise. */
function others(disk: Partial<Disk>, here: FreshDisk[], done = ['table'], more: Step[] = []) {
  const disks = [{ old: '/dev/sda', now: '/dev/sdb', sizeBytes: gib, ...disk }]
  return otherDisks({ disks, steps: [...more, sfdisk, mkfs], done }, here)
}

function fresh(path: string, more: Partial<FreshDisk> = {}): FreshDisk {
  return { path, sizeBytes: gib, signatures: [], ...more }
}

const first = { identity: { serial: 'A1', wwn: '0x5001' } }
const second = { identity: { serial: 'B2', wwn: '0x5002' } }

describe('a rescue that goes on', () => {
  test('takes the disks that are what they were', () => {
    expect(others(first, [fresh('/dev/sdb', { ...first, table }), fresh('/dev/sdc', second)])).toEqual([])
    expect(others(first, [fresh('/dev/sdb', { identity: { wwn: '0x5001' }, table })])).toEqual([])
  })

  test('refuses two that have swapped their names, and says where the right one is', () => {
    const here = [fresh('/dev/sdb', second), fresh('/dev/sdc', { ...first, table })]
    for (const done of [[], ['table']]) {
      expect(others(first, here, done)).toEqual([
        '/dev/sdb is another disk than the one that the rescue began with: its serial is B2, not A1: nothing was changed; that one is /dev/sdc now. Boot so that the disks have their former names, or begin anew, onto it: --restart --map sda=sdc --wipe sdc',
      ])
    }
  })

  test('refuses a disk that is gone, or of another size', () => {
    expect(others(first, [fresh('/dev/sdc')])).toEqual([
      'there is no disk /dev/sdb any more: nothing was changed; plug in the disks as they were and boot, or begin anew: --restart',
    ])
    const [size] = others(first, [fresh('/dev/sdb', { ...first, sizeBytes: 2 * gib })])
    expect(size).toMatch(/it has 2 GiB, not 1 GiB/)
  })

  test('refuses a disk whose table somebody has replaced', () => {
    const [replaced] = others(first, [fresh('/dev/sdb', { ...first, table: 'another' })])
    expect(replaced).toMatch(/its partition table is not the one that was written/)
  })

  test('goes by the port of a disk that has no serial number, and by the table once it is written', () => {
    const identity = { port: 'pci0000:00/0000:00:04.0' }
    const elsewhere = { port: 'pci0000:00/0000:00:05.0' }
    const blank = fresh('/dev/sdb', { identity })
    expect(others({ identity }, [blank], [])).toEqual([])
    expect(others({ identity }, [{ ...blank, table }])).toEqual([])
    // Its table is written, and this disk has none.
    expect(others({ identity }, [blank])).toHaveLength(1)
    expect(others({ identity }, [fresh('/dev/sdb', { identity: elsewhere })], [])).toEqual([
      expect.stringMatching(/nothing tells whether \/dev\/sdb is .*\(port pci0000:00\/0000:00:04\.0\)/),
    ])
    // It had a serial number, and what is in its port now has none.
    expect(others({ identity: { ...identity, serial: 'A1' } }, [blank], [])).toHaveLength(1)
  })

  test('of an older journal goes by size and by the table that it has written, if there is one such disk', () => {
    expect(others({}, [fresh('/dev/sdb', { ...first, table })])).toEqual([])
    expect(others({}, [fresh('/dev/sdb', { ...first, table }), fresh('/dev/sdc', { table })])).toHaveLength(1)
    expect(others({}, [fresh('/dev/sdb', first)], [])).toEqual([
      expect.stringMatching(/no serial number, WWN or port was noted.*begin anew: --restart/),
    ])
  })

  test('refuses a disk that somebody else uses', () => {
    const taken = '/dev/sdb1 is mounted at /media/live'
    expect(others(first, [fresh('/dev/sdb', { ...first, table, taken })])).toEqual([
      `/dev/sdb must not be written to: ${taken}: end that, and give the same command again`,
    ])
  })

  test('refuses a disk that was empty and is not any more, unless it was given up', () => {
    const here = [fresh('/dev/sdb', { ...first, signatures: ['ext4'] })]
    expect(others(first, here, [])).toEqual([
      expect.stringMatching(/was empty when the rescue began, and has ext4 on it now.*--restart --wipe sdb/),
    ])
    expect(others(first, here, [], [wipe])).toEqual([])
    expect(others(first, here)).toEqual([])
  })
})
