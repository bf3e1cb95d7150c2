import { describe, expect, test } from 'vitest'
import type { Command, CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { Lvm, type Volume } from '../../../../../runtime/host/lvm/lvm.ts'
import {
  isScratchVolume,
  makeScratchVolume,
  removeScratchVolume,
} from '../../../../../runtime/host/lvm/scratch-volume.ts'
import { boxWith, type Row } from '../../cli/checks/lvm.ts'

const row: Row & { lv_uuid: string } = {
  ...{ lv_name: 'hdsync_drill', lv_uuid: 'SpAryM-xdWP-XFiE-gxPo-k3QA-BxhD-TfNSUy' },
  lv_tags: 'hdsync,hdsync.drill,hdsync.store=store,hdsync.run=k3m9pqrstv',
}

async function volume(): Promise<Volume> {
  const [found] = await new Lvm(boxWith([row]).runner).volumes('vg01')
  if (!found) throw new Error('lvs told of none')
  return found
}

/** LVM that tells of these volumes until it has removed something, and then of those. */
function lvm(before: Row[], after: Row[] = []): { runner: CommandRunner; said: string[] } {
  const said: string[] = []
  const answers = { lvcreate: '', lvremove: '', mke2fs: '' }
  const hasRemoved = () => said.some((words) => words.startsWith('lvremove'))
  const runner = {
    ...boxWith([]).runner,
    run: async (command: Command) => {
      if (command.argv[0] !== 'lvs') said.push(command.argv.join(' '))
      return boxWith(hasRemoved() ? after : before, answers).runner.run(command)
    },
  }
  return { runner, said }
}

describe('isScratchVolume()', () => {
  test('knows what was made for a drill, also under a further name', async () => {
    const own = await volume()
    expect(isScratchVolume(own, 'store')).toBe(true)
    expect(isScratchVolume({ ...own, lv: 'hdsync_drill.2' }, 'store')).toBe(true)
  })

  test.each<[string, Partial<Volume>]>([
    ['is of another store', { tags: ['hdsync', 'hdsync.drill', 'hdsync.store=other'] }],
    ['lacks a tag', { tags: ['hdsync', 'hdsync.store=store'] }],
    ['has another name', { lv: 'hdsync_drills' }],
    ['is a snapshot', { origin: 'lv_var' }],
    ['lies in a thin pool', { pool: 'pool' }],
    ['is no plain volume', { layout: 'raid,raid1' }],
  ])('takes nothing for one that %s', async (_what, other) => {
    expect(isScratchVolume({ ...(await volume()), ...other }, 'store')).toBe(false)
  })
})

test('makeScratchVolume() marks it with its first command, and leaves what has its name alone', async () => {
  const { runner, said } = lvm([{ ...row, lv_tags: '' }])
  const made = await makeScratchVolume(
    { vg: 'vg01', sizeBytes: 2 ** 30 },
    { store: 'store', run: 'r', runner },
  )
  expect(made).toBe('/dev/vg01/hdsync_drill.2')
  expect(said[0]).toMatch(
    /^lvcreate .*--addtag hdsync.drill --addtag hdsync.store=store --addtag hdsync.run=r/,
  )
  expect(said[1]).toMatch(/^mke2fs .* \/dev\/vg01\/hdsync_drill\.2$/)
})

describe('removeScratchVolume()', () => {
  test('has LVM check its id and tags once more', async () => {
    const { runner, said } = lvm([row])
    await removeScratchVolume(await volume(), runner)
    expect(said.join()).toMatch(
      /lvremove --force --select lv_uuid="SpAryM-.*hdsync\.drill.* vg01\/hdsync_drill$/,
    )
  })

  test('removes nothing of which somebody has taken a snapshot', async () => {
    const { runner, said } = lvm([row, { lv_name: 'kept', origin: 'hdsync_drill' }])
    await expect(removeScratchVolume(await volume(), runner)).rejects.toThrow('has the snapshot vg01/kept')
    expect(said).toEqual([])
  })

  test('says so when LVM has left it', async () => {
    const { runner } = lvm([row], [row])
    await expect(removeScratchVolume(await volume(), runner)).rejects.toThrow('it is not removed')
  })
})
