import { describe, expect, test } from 'vitest'
import type { LvSource } from '../../../../../runtime/config/config.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { TerminalError } from '../../../../../runtime/errors.ts'
import { createSnapshots, type ProvenSnapshot } from '../../../../../runtime/host/lvm/snapshots.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { answeringRunner, failed, recordedReport } from '../lvm-bench.ts'

const source = parseConfig(
  `sources: { var: { lv: vg01/lv_var, target: disk } }
targets: { disk: { path: /nowhere/disk } }
`,
  'hdsync.yaml',
).sources.var as LvSource

const left = recordedReport('lvs-half-left')
/** The same group before its lvcreate failed. */
const before = JSON.stringify({
  report: [
    { lv: JSON.parse(left).report[0].lv.filter((row: { lv_name: string }) => row.lv_name === 'lv_var') },
  ],
})
const uuid = 'SpAryM-xdWP-XFiE-gxPo-k3QA-BxhD-TfNSUy'
/** What LVM 2.03.16 says of a cached volume that is in use. */
const checkFailed = `  Check of pool vg01/fast_cvol failed (status:1). Manual repair required!
  Failed to suspend logical volume vg01/lv_var.
  Aborting. Manual intervention required.
`

/** Takes a snapshot where lvcreate(8) fails. @param after What the group looks like then. */
async function takeWith(failure: Error, after: string) {
  const { signal } = new AbortController()
  let isOver = false
  const { runner, asked } = answeringRunner((line) => {
    if (line.startsWith('lvs')) return isOver ? after : before
    if (!line.startsWith('lvcreate')) return ''
    isOver = true
    return failure
  })
  const snapshots = createSnapshots({ runner, store: 'x', directory: temporaryFolder(), signal })
  const error = await snapshots.create(source, 'r', 67_108_864).catch((error: unknown) => error)
  return { error, removed: asked.filter((line) => line.startsWith('lvremove')), asked }
}

function changed(change: Record<string, string>): string {
  const report = JSON.parse(left)
  Object.assign(report.report[0].lv[0], change)
  return JSON.stringify(report)
}

describe('create(), when lvcreate fails halfway,', () => {
  const tags = '"hdsync" && "hdsync.store=x" && "hdsync.run=r" && "hdsync.source=var"'

  test('removes at once what that has left, by its id', async () => {
    const { removed } = await takeWith(failed('  Failed to suspend logical volume vg01/lv_var.'), left)
    expect(removed).toEqual([
      `lvremove --force --select lv_uuid="${uuid}" && origin="" && lv_tags={${tags}} vg01/hdsync_var`,
    ])
  })

  test('removes what has become a snapshot all the same', async () => {
    const { removed } = await takeWith(failed('  Failed to wake'), changed({ origin: 'lv_var' }))
    expect(removed).toEqual([
      `lvremove --force --select origin="lv_var" && lv_tags={${tags}} vg01/hdsync_var`,
    ])
  })

  test.each<[string, Record<string, string>]>([
    ['of another run', { lv_tags: 'hdsync,hdsync.run=s,hdsync.source=var,hdsync.store=x' }],
    ['without our tags', { lv_tags: '' }],
    ['that was there before', { lv_uuid: 'BFBdAO-pGhA-De6I-kMhm-20Cz-45rk-MSASW0' }],
    ['whose id is not known', { lv_uuid: '' }],
    ['that is no plain one', { lv_layout: 'raid,raid1' }],
    ['that is a snapshot of another one', { origin: 'lv_other' }],
    ['of another name', { lv_name: 'hdsync_var.2' }],
  ])('leaves a volume alone %s', async (_, change) => {
    expect((await takeWith(failed('  Failed'), changed(change))).removed).toEqual([])
  })

  test('says once what is to be done about a cached volume that LVM takes no snapshot of', async () => {
    const { error, removed } = await takeWith(failed(checkFailed), left)
    expect(error).toBeInstanceOf(TerminalError)
    expect(error).toMatchObject({
      message:
        'LVM takes no snapshot of vg01/lv_var: its check of the cache vg01/fast_cvol fails while that is in use',
      hint: expect.stringContaining('cache_check_executable = ""'),
    })
    expect(removed).toHaveLength(1)
  })

  test('lets the volume go on first, where it was killed', async () => {
    const { asked, removed } = await takeWith(failed('', null), left)
    expect(asked.slice(2, 5)).toEqual([
      'dmsetup resume vg01-lv_var-real',
      'dmsetup resume vg01-lv_var',
      'lvchange --refresh vg01/lv_var',
    ])
    expect(removed).toHaveLength(1)
  })

  test('tells why there is no snapshot, whatever goes wrong then', async () => {
    const failure = failed('  Failed to suspend')
    expect((await takeWith(failure, 'no report')).error).toBe(failure)
  })
})

test('overflowed() does not believe what is no snapshot any more', async () => {
  const { runner } = answeringRunner(() => '0 204800 linear 254:1 0')
  const signal = new AbortController().signal
  const snapshots = createSnapshots({ runner, store: 'x', directory: temporaryFolder(), signal })
  const snapshot = { vg: 'vg01', lv: 'hdsync_var', device: '254:9', pool: undefined } as ProvenSnapshot
  await expect(snapshots.overflowed(snapshot)).rejects.toThrow('vg01/hdsync_var is no snapshot any more')
  expect(await snapshots.overflowed({ ...snapshot, pool: 'pool' })).toBe(false)
})
