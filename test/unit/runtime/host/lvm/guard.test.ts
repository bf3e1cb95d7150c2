import { expect, onTestFinished, test } from 'vitest'
import type { LvSource } from '../../../../../runtime/config/config.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { type Extension, guardSnapshot } from '../../../../../runtime/host/lvm/guard.ts'
import { Lvm } from '../../../../../runtime/host/lvm/lvm.ts'
import { answeringRunner, failed, recordedReport } from '../lvm-bench.ts'

const source = parseConfig(
  `sources: { var: { lv: vg01/lv_var, target: disk } }
targets: { disk: { path: /nowhere/disk } }
`,
  'hdsync.yaml',
).sources.var as LvSource

const mebibyte = 1024 ** 2
const snapshot = {
  vg: 'vg01',
  lv: 'hdsync_var',
  device: '254:9',
  pool: undefined,
  originBytes: 200 * mebibyte,
  usedPercent: 80,
}

/** A snapshot of 16 MiB that is filling, watched until it is larger. */
function watched(lvs: (count: number) => string | Error, lvextend: (count: number) => string | Error) {
  const counts: Record<string, number> = {}
  const { runner, asked } = answeringRunner((line) => {
    const program = line.split(' ')[0] ?? ''
    const count = (counts[program] ?? 0) + 1
    counts[program] = count
    if (program === 'lvs') return lvs(count)
    if (program === 'lvextend') return lvextend(count)
    return '0 409600 snapshot 26000/32768 16'
  })
  const warnings: string[] = []
  const grown = Promise.withResolvers<Extension>()
  const lvm = new Lvm(runner)
  const guard = guardSnapshot(snapshot, source, {
    lvm,
    looking: { runner, lvm },
    onExtended: (extension) => {
      grown.resolve(extension)
      // Once is enough.
      void guard.stop()
    },
    onWarning: (message) => warnings.push(message),
  })
  onTestFinished(() => guard.stop())
  return { grown: grown.promise, warnings, asked }
}

const report = recordedReport('lvs')
/** Recorded when /run was full for a moment. */
const noLock = failed('  /run/lock/lvm/V_vg01:aux: open failed: No space left on device\n')

test('a snapshot is made larger at the next look, when LVM could not be asked at the first', async () => {
  const { grown, warnings } = watched(
    (count) => (count === 1 ? noLock : report),
    () => '',
  )
  expect(await grown).toEqual({ fromBytes: 16 * mebibyte, toBytes: 32 * mebibyte })
  expect(warnings).toEqual([
    'watching the snapshot: LVM cannot take its lock: the file system of /run/lock/lvm is full',
  ])
})

test('a snapshot is made larger though LVM has failed to, each failure being told once', async () => {
  const { grown, warnings } = watched(
    () => report,
    (count) => (count < 3 ? failed('  Failed to suspend') : ''),
  )
  expect(await grown).toMatchObject({ toBytes: 32 * mebibyte })
  expect(warnings).toEqual(['watching the snapshot: lvs failed:   Failed to suspend'])
})
