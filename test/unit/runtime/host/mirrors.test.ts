import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
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
  const { runner } = recordingRunner()
  const mirrors = createMirrors(runner, join(folder, 'run'))
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

describe('syncWritten()', () => {
  const at = 1_700_000_000
  const time = { fromMs: (at - 2) * 1000, toMs: (at + 1) * 1000 }

  /** Files that have the same size and time in the source and its mirror, and other contents. */
  async function alike(...names: string[]) {
    const { plan, ...rest } = await mirrored()
    for (const name of names) {
      mkdirSync(dirname(join(plan.from, name)), { recursive: true })
      mkdirSync(dirname(join(plan.to, name)), { recursive: true })
      writeFileSync(join(plan.from, name), 'after')
      writeFileSync(join(plan.to, name), 'older')
      for (const root of [plan.from, plan.to]) utimesSync(join(root, name), at, at)
    }
    const read = (name: string) => readFileSync(join(plan.to, name), 'utf8')
    const syncWritten = async (of: SyncPlan, during = time) => {
      const list = await rest.mirrors.findWritten(of, during)
      return list === undefined ? undefined : rest.mirrors.syncWritten(of, list)
    }
    return { plan, read, syncWritten, ...rest }
  }

  test('copies what was written then, in whatever it differs', async () => {
    const names = ['a', 'sub/b', 'sub/new\nline', '-n', '*', 'sub/it\'s "odd" $x']
    const { plan, mirrors, read, syncWritten } = await alike(...names)
    expect(await mirrors.forecast(plan)).toMatchObject({ unchanged: true })
    const outcome = await syncWritten(plan)
    expect(outcome).toMatchObject({ kind: 'done', stats: { transferred: names.length } })
    for (const name of names) expect(read(name)).toBe('after')
    expect(await syncWritten(plan)).toBeUndefined()
  })

  test('leaves what was written at another time to the copy of everything', async () => {
    const { plan, read, syncWritten } = await alike('a')
    const before = mirrorState(plan.to)
    expect(await syncWritten(plan, { fromMs: time.fromMs - 9000, toMs: time.fromMs })).toBeUndefined()
    expect(await syncWritten(plan, { fromMs: time.toMs, toMs: time.toMs + 9000 })).toBeUndefined()
    expect(read('a')).toBe('older')
    expect(mirrorState(plan.to)).toBe(before)
  })

  test('deletes nothing, adds nothing, and copies nothing that is excluded', async () => {
    const { plan, read, syncWritten } = await alike('a', 'skip/b', 'sub/deep/c/d')
    writeFileSync(join(plan.from, 'new'), 'new')
    writeFileSync(join(plan.to, 'gone'), 'gone')
    utimesSync(join(plan.from, 'new'), at, at)
    await syncWritten({ ...plan, exclude: ['/skip', 'deep/'] })
    expect([read('a'), read('skip/b'), read('sub/deep/c/d')]).toEqual(['after', 'older', 'older'])
    expect(read('gone')).toBe('gone')
    expect(existsSync(join(plan.to, 'new'))).toBe(false)
  })

  test('leaves no list behind', async () => {
    const { plan, syncWritten } = await alike('a')
    await syncWritten(plan)
    expect(readdirSync(join(plan.to, '..', 'run'))).toEqual([])
  })
})
