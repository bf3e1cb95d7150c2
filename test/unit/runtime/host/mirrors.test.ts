import { chmodSync, cpSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createMirrors, mirrorState } from '../../../../runtime/host/mirrors.ts'
import type { SyncPlan } from '../../../../runtime/host/rsync.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { recordingRunner } from './runner.ts'

/** A mirror that equals its source. */
async function mirrored() {
  const folder = temporaryFolder()
  const [from, to] = [join(folder, 'source'), join(folder, 'mirror')]
  mkdirSync(join(from, 'sub'), { recursive: true })
  mkdirSync(to)
  writeFileSync(join(from, 'sub', 'file'), 'content')
  const plan: SyncPlan = { from, to, exclude: [], maxDelete: 0, subsecondTimes: true }
  const mirrors = createMirrors(recordingRunner().runner)
  const sync = () => mirrors.sync(plan, null, () => {})
  await sync()
  // The kernel's clock for files ticks every few milliseconds.
  await sleep(20)
  return { plan, mirrors, sync }
}

describe('mirrorState()', () => {
  test('is another one from the beginning of a copy on, also of one that changes nothing at its root', async () => {
    const { plan, sync } = await mirrored()
    const before = mirrorState(plan.to)
    writeFileSync(join(plan.from, 'sub', 'file'), 'changed')
    const copying = sync()
    const during = mirrorState(plan.to)
    await copying
    expect(during).not.toBe(before)
    expect(mirrorState(plan.to)).toBe(during)
  })

  test('stays what it is when a copy is only forecast, and when the mirror is flushed', async () => {
    const { plan, mirrors } = await mirrored()
    const before = mirrorState(plan.to)
    await mirrors.forecast(plan)
    await mirrors.open({ name: 'hdd1', path: join(plan.to, '..'), mounts: [], parallel: 1 }, {
      name: 'mirror',
    } as never)
    await mirrors.flush(plan.to)
    expect(mirrorState(plan.to)).toBe(before)
  })

  test('is not that of another mirror with the same in it', async () => {
    const { plan } = await mirrored()
    const before = mirrorState(plan.to)
    cpSync(plan.to, `${plan.to}.new`, { recursive: true, preserveTimestamps: true })
    renameSync(plan.to, `${plan.to}.away`)
    renameSync(`${plan.to}.new`, plan.to)
    expect(mirrorState(plan.to)).not.toBe(before)
  })

  test('is unknown where there is no mirror', () => expect(mirrorState('/nowhere')).toBeUndefined())
})

test('sync() leaves the mode, the owner and the times of a mirror to rsync', async () => {
  const { plan, sync } = await mirrored()
  chmodSync(plan.from, 0o2751)
  chmodSync(plan.to, 0o2751)
  const { mode, uid, gid, mtimeMs } = statSync(plan.to)
  await sync()
  expect(statSync(plan.to)).toMatchObject({ mode, uid, gid, mtimeMs })
})
