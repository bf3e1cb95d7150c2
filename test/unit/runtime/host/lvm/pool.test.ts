import { describe, expect, test } from 'vitest'
import type { LvSource } from '../../../../../runtime/config/config.ts'
import { TerminalError } from '../../../../../runtime/errors.ts'
import type { CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { guardSnapshot } from '../../../../../runtime/host/lvm/guard.ts'
import type { Lvm, Volume } from '../../../../../runtime/host/lvm/lvm.ts'
import { poolProblem } from '../../../../../runtime/host/lvm/pool.ts'

const pool: Volume = {
  vg: 'vg01',
  lv: 'pool',
  uuid: 'SpAryM-xdWP-XFiE-gxPo-k3QA-BxhD-TfNSUy',
  path: '/dev/vg01/pool',
  sizeBytes: 2 ** 30,
  device: '254:3',
  origin: undefined,
  pool: undefined,
  tags: [],
  layout: 'thin,pool',
  dataPercent: 40,
  metadataPercent: 12,
  invalid: false,
  needsCheck: false,
  group: { freeBytes: 0, extentBytes: 4_194_304 },
}

describe('poolProblem()', () => {
  test('has nothing against a pool with room', () => expect(poolProblem(pool)).toBeUndefined())

  test.each<[string, Partial<Volume>, RegExp]>([
    ['data', { dataPercent: 99 }, /vg01\/pool.*99% .*data/],
    ['metadata', { metadataPercent: 99 }, /vg01\/pool.*99% .*metadata/],
    ['a check that is due', { needsCheck: true }, /vg01\/pool/],
  ])('refuses a snapshot for its %s', (_, difference, message) => {
    const problem = poolProblem({ ...pool, ...difference })
    expect(problem).toBeInstanceOf(TerminalError)
    expect(problem?.message).toMatch(message)
  })
})

test('a snapshot in a thin pool that fills up is given up while it is read', async () => {
  const lvm = { volume: async () => ({ ...pool, dataPercent: 99 }) } as unknown as Lvm
  const runner = {} as CommandRunner
  const snapshot = { vg: 'vg01', lv: 'hdsync_var', device: '254:9', pool: 'pool', originBytes: 2 ** 20 }
  const guard = guardSnapshot(snapshot, {} as LvSource, {
    lvm,
    looking: { runner, lvm },
    onExtended: () => {},
    onWarning: () => {},
  })
  await new Promise((resolve) => guard.signal.addEventListener('abort', resolve, { once: true }))
  expect(guard.signal.reason).toBeInstanceOf(TerminalError)
  expect(guard.signal.reason.message).toContain('vg01/pool')
  await guard.stop()
})
