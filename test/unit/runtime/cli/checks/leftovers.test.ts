import { describe, expect, test } from 'vitest'
import { checkLeftovers } from '../../../../../runtime/cli/checks/leftovers.ts'
import type { Mount } from '../../../../../runtime/host/mount/mountinfo.ts'
import { boxWith } from './lvm.ts'

const isLive = (run: string) => run === 'live'
const snapshot = (run: string, store = 'store') => ({
  lv_name: `of_${run}_${store}`,
  origin: 'lv_var',
  lv_tags: `hdsync,hdsync.store=${store},hdsync.run=${run},hdsync.source=var`,
})

describe('checkLeftovers()', () => {
  test('tells of snapshots of runs that are over, of other event stores, of half-made ones, and of a drill', async () => {
    const box = boxWith([
      snapshot('live'),
      snapshot('over'),
      snapshot('live', 'another'),
      { ...snapshot('over'), origin: '' },
      {
        ...{ lv_name: 'hdsync_drill', origin: '', lv_layout: 'linear' },
        lv_tags: 'hdsync,hdsync.drill,hdsync.store=store,hdsync.run=over',
      },
    ])
    expect(await checkLeftovers(box, 'store', isLive)).toMatchObject([
      { id: 'leftover.snapshot', finding: expect.stringContaining('vg01/of_over_store of lv_var') },
      { id: 'leftover.foreign-snapshot', remedy: expect.stringContaining('lvremove vg01/of_live_another') },
      { id: 'leftover.half-made', remedy: expect.stringContaining('lvremove vg01/of_over_store') },
      { id: 'leftover.scratch', finding: 'the volume vg01/hdsync_drill is left of a drill' },
    ])
  })

  test('tells of what is still mounted', async () => {
    const mount: Mount = {
      id: 1,
      parent: 0,
      device: '8:1',
      root: '/',
      at: '/mnt/over',
      options: [],
      type: 'ext4',
      source: '/dev/sda1',
      superOptions: [],
    }
    const entries = () => [
      { run: 'over', at: '/mnt/over', device: '8:1' },
      { run: 'over', at: '/mnt/gone', device: '8:1' },
      { run: 'live', at: '/mnt/live', device: '8:2' },
    ]
    const mounts = [mount, { ...mount, at: '/mnt/live', device: '8:2' }]
    const box = { ...boxWith([]), ledger: { entries }, mounts }
    expect(await checkLeftovers(box, 'store', isLive)).toMatchObject([
      { id: 'leftover.mount', finding: '/mnt/over is still mounted, by a run that is over' },
    ])
  })

  test('asks LVM nothing when there is nothing to ask about, and is silent when it cannot answer', async () => {
    expect(await checkLeftovers(boxWith([], { lvs: { stderr: 'no' } }), 'store', isLive)).toEqual([])
  })
})
