import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Source } from '../../../../../runtime/config/config.ts'
import type { Asked } from '../../../../../runtime/host/mirror/compare.ts'
import { mirrorState } from '../../../../../runtime/host/mirror/mirror-identity.ts'
import { createMirrors, type Mirrors } from '../../../../../runtime/host/mirror/mirrors.ts'
import type { SyncPlan } from '../../../../../runtime/host/mirror/rsync-argv.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

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
  test.each<[string, (from: string) => void]>([
    ['a content', (from) => writeFileSync(join(from, 'sub', 'file'), 'changed')],
    ['a mode', (from) => chmodSync(join(from, 'sub', 'file'), 0o600)],
  ])('is another one after a copy that changes %s, and nothing at the root', async (_, change) => {
    const { plan, sync } = await mirrored()
    const before = mirrorState(plan.to)
    change(plan.from)
    expect(await sync()).toMatchObject({ unchanged: false })
    expect(mirrorState(plan.to)).not.toBe(before)
  })

  test('is another one while a copy that has changed something goes on', async () => {
    const { plan, mirrors } = await mirrored()
    const before = mirrorState(plan.to)
    // 60 MB through a pipe that is read slowly would be no better: the item of the first file comes with its end.
    for (const name of ['1', '2', '3']) writeFileSync(join(plan.from, 'sub', name), Buffer.alloc(20_000_000))
    const states = new Set<string | undefined>()
    await mirrors.sync(plan, null, () => states.add(mirrorState(plan.to)))
    expect([...states].filter((state) => state !== before)).not.toEqual([])
  })

  test('is another one after a copy that failed, whatever it did', async () => {
    const { plan, mirrors } = await mirrored()
    const before = mirrorState(plan.to)
    const failing = mirrors.sync({ ...plan, from: `${plan.from}/nowhere` }, null, () => {})
    await expect(failing).rejects.toThrow('rsync could not copy everything')
    expect(mirrorState(plan.to)).not.toBe(before)
  })

  test('stays what it is when a copy finds nothing to do or is forecast, and when the mirror is flushed', async () => {
    const { plan, mirrors, sync } = await mirrored()
    const before = mirrorState(plan.to)
    expect(await sync()).toMatchObject({ kind: 'done', unchanged: true })
    await mirrors.forecast(plan)
    await survey(mirrors, plan)
    await mirrors.compare(plan, 'run1')
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

test('forecast() counts a file once that gives way to a folder with folders in it', async () => {
  const { plan, mirrors } = await mirrored()
  for (const root of ['file', 'loop']) mkdirSync(join(plan.from, root, 'y', 'z'), { recursive: true })
  writeFileSync(join(plan.from, 'file', 'y', 'inner'), 'new')
  writeFileSync(join(plan.to, 'file'), 'gives way')
  symlinkSync('loop', join(plan.to, 'loop'))
  const { otherNames, changedNames } = await mirrors.forecast({ ...plan, changes: true })
  expect(otherNames).toEqual(expect.arrayContaining(['file', 'file/y', 'loop/y/z']))
  expect(changedNames).toEqual(['file'])
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
      const { written } = await rest.mirrors.compare(of, 'run1', { writtenIn: during })
      return written === undefined ? undefined : rest.mirrors.syncWritten(of, written)
    }
    return { plan, read, syncWritten, ...rest }
  }

  test('copies what was written then, in whatever it differs', async () => {
    const names = ['a', 'sub/b', 'sub/new\nline', '-n', '*', 'sub/it\'s "odd" $x']
    const { plan, sync, read, syncWritten } = await alike(...names)
    await sync()
    expect(await sync()).toMatchObject({ unchanged: true })
    const outcome = await syncWritten(plan)
    expect(outcome).toMatchObject({ kind: 'done', stats: { transferred: names.length } })
    for (const name of names) expect(read(name)).toBe('after')
    const before = mirrorState(plan.to)
    expect(await syncWritten(plan)).toMatchObject({ kind: 'done', unchanged: true })
    expect(mirrorState(plan.to)).toBe(before)
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

describe('what has the size and time of its copy, and was changed since the last one', () => {
  const at = 1_700_000_000
  const old = { fromMs: 0, toMs: 1 }

  /** A copy that ended when `since` tells; each name is a file that it has copied. */
  async function copied(...names: string[]) {
    const { plan, mirrors, sync } = await mirrored()
    for (const name of names) {
      writeFileSync(join(plan.from, name), 'older')
      utimesSync(join(plan.from, name), at, at)
    }
    await sync()
    await sleep(150)
    const since = Date.now()
    await sleep(20)
    /** Contents are changed, sizes and times are not: only the time of change tells. */
    const change = (root: string, name: string, text = 'after') => {
      writeFileSync(join(root, name), text)
      utimesSync(join(root, name), at, at)
    }
    const look = (asked: Partial<Asked['writtenIn']> = {}, share?: Asked['share']) =>
      mirrors.compare(plan, 'run1', {
        writtenIn: { ...old, fromMs: since, mirrorMs: since, nowMs: Date.now(), ...asked },
        share,
      })
    const read = (root: string, name: string) => readFileSync(join(root, name), 'utf8')
    return { plan, mirrors, sync, change, look, read }
  }

  test.each(['from', 'to'] as const)('is compared by contents where it was changed in %s', async (side) => {
    const { plan, mirrors, sync, change, look, read } = await copied('a', 'b')
    change(plan[side], 'a')
    expect(await sync()).toMatchObject({ unchanged: true })
    const { written, suspects } = await look()
    expect(suspects).toBe(1)
    expect(await mirrors.syncWritten(plan, written ?? '')).toMatchObject({ stats: { transferred: 1 } })
    expect(read(plan.to, 'a')).toBe(read(plan.from, 'a'))
  })

  test('is found in a mirror that was looked at before the snapshot was taken', async () => {
    const { plan, mirrors, change, look } = await copied('a')
    const mirrorMs = Date.now()
    change(plan.to, 'a')
    await survey(mirrors, plan, { writtenIn: { ...old, mirrorMs, nowMs: Date.now() } })
    expect((await look()).suspects).toBe(1)
  })

  test('is left alone where size or time tell, or nothing has changed', async () => {
    const { plan, change, look } = await copied('a', 'b')
    expect(await look()).toMatchObject({ suspects: 0, written: undefined })
    change(plan.from, 'a', 'longer than before')
    writeFileSync(join(plan.from, 'b'), 'after')
    expect(await look()).toMatchObject({ suspects: 0, written: undefined })
  })

  test('is left alone where its time of change lies ahead: a clock was wrong', async () => {
    const { plan, change, look } = await copied('a')
    change(plan.from, 'a')
    expect((await look({ nowMs: Date.now() - 60_000 })).suspects).toBe(0)
  })

  test('is not told from the rest by a share of all files, which takes each in its turn', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `f${n}`)
    const { look } = await copied(...names)
    const [one, other, all] = [
      await look({}, { from: 0, to: 0.5 }),
      await look({}, { from: 0.5, to: 1 }),
      await look({}, { from: 0, to: 1 }),
    ].map(({ suspects = 0 }) => suspects)
    // With the one that `mirrored` makes.
    expect(all).toBe(41)
    expect((one ?? 0) + (other ?? 0)).toBe(41)
    expect(Math.min(one ?? 0, other ?? 0)).toBeGreaterThan(5)
  })

  test('names that are no UTF-8 are compared too', async () => {
    const { plan, mirrors, look } = await copied()
    const name = Buffer.from([0x66, 0xff, 0x66])
    for (const [root, text] of [
      [plan.from, 'after'],
      [plan.to, 'older'],
    ] as const) {
      const path = Buffer.concat([Buffer.from(`${root}/`), name])
      writeFileSync(path, text)
      utimesSync(path, at, at)
    }
    const { written } = await look()
    expect(await mirrors.syncWritten(plan, written ?? '')).toMatchObject({ stats: { transferred: 1 } })
  })
})

test('whereTimesDiffer() names what the mirror holds with another time', async () => {
  const { plan, mirrors, sync } = await mirrored()
  for (const name of ['kept', 'clamped', 'gone']) {
    writeFileSync(join(plan.from, name), '')
    utimesSync(join(plan.from, name), 2 ** 31 + 9, 2 ** 31 + 9)
  }
  await sync()
  utimesSync(join(plan.to, 'clamped'), 2 ** 31 - 1, 2 ** 31 - 1)
  rmSync(join(plan.to, 'gone'))
  const { oddTimes = new Uint8Array() } = await mirrors.compare(plan, 'run1', {
    writtenIn: { fromMs: 0, toMs: 1 },
  })
  expect(await mirrors.whereTimesDiffer(plan, oddTimes)).toEqual(['clamped'])
})

/** As before a snapshot is taken. */
function survey(mirrors: Mirrors, { to }: SyncPlan, asked?: Asked): Promise<void> {
  const target = { name: 'hdd1', path: dirname(to), mounts: [], parallel: 1 }
  return mirrors.survey(target, { name: basename(to) } as Source, 'run1', asked)
}

describe('compare()', () => {
  const compared = async (mirrors: Mirrors, plan: SyncPlan, run = 'run1') => {
    const { mirrorNames, deletionsAtMost } = await mirrors.compare(plan, run)
    return [mirrorNames, deletionsAtMost]
  }

  test('counts what the mirror has, and what the source has not', async () => {
    const { plan, mirrors } = await mirrored()
    expect(await compared(mirrors, plan)).toEqual([3, 0])
    writeFileSync(join(plan.to, 'gone'), '')
    writeFileSync(join(plan.from, 'new'), '')
    expect(await compared(mirrors, plan)).toEqual([4, 1])
  })

  test('of an empty mirror does not go through the source', async () => {
    const { plan } = await mirrored()
    const to = `${plan.to}.empty`
    mkdirSync(to)
    const { runner, recorded } = recordingRunner()
    const mirrors = createMirrors(runner, join(plan.to, '..', 'run'))
    expect(await mirrors.compare({ ...plan, to }, 'run1')).toMatchObject({ mirrorNames: 1 })
    expect(recorded.map(({ argv }) => argv[1])).toEqual([`${to}/`])
  })

  test('takes the names of the mirror from a survey of the same run, once', async () => {
    const { plan, mirrors } = await mirrored()
    await survey(mirrors, plan)
    // As no copy makes it: where nobody else writes to a mirror, it makes no difference.
    writeFileSync(join(plan.to, 'sub', 'gone'), '')
    expect(await compared(mirrors, plan)).toEqual([3, 0])
    expect(await compared(mirrors, plan)).toEqual([4, 1])
    await survey(mirrors, plan)
    rmSync(join(plan.to, 'sub', 'gone'))
    expect(await compared(mirrors, plan, 'run2')).toEqual([3, 0])
  })

  test('takes none from a survey of another mirror that was there then', async () => {
    const { plan, mirrors } = await mirrored()
    await survey(mirrors, plan)
    renameSync(plan.to, `${plan.to}.away`)
    cpSync(`${plan.to}.away`, plan.to, { recursive: true })
    writeFileSync(join(plan.to, 'gone'), '')
    expect(await compared(mirrors, plan)).toEqual([4, 1])
  })

  test('knows nothing of a mirror that cannot be read as a whole', async () => {
    const { plan } = await mirrored()
    const { runner } = recordingRunner()
    const mirrors = createMirrors(
      {
        ...runner,
        run: async (command) => ({
          ...(await runner.run(command)),
          exitCode: command.argv[1] === `${plan.to}/` ? 1 : 0,
        }),
      },
      join(plan.to, '..', 'run'),
    )
    await survey(mirrors, plan)
    expect(await compared(mirrors, plan)).toEqual([undefined, undefined])
  })

  test('is never below what a copy deletes', async () => {
    await fc.assert(
      fc.asyncProperty(trees, trees, excludes, async (source, mirror, exclude) => {
        const folder = temporaryFolder()
        const [from, to] = [join(folder, 'source'), join(folder, 'mirror')]
        plant(from, source)
        plant(to, mirror)
        const plan: SyncPlan = { from, to, exclude, maxDelete: 1000, subsecondTimes: true }
        const mirrors = createMirrors(recordingRunner().runner, join(folder, 'run'))
        const { deletionsAtMost, mirrorNames } = await mirrors.compare(plan, 'run1')
        const before = readdirSync(to, { recursive: true }).length + 1
        expect(mirrorNames).toBe(before)
        const names = new Set(readdirSync(to, { recursive: true, encoding: 'buffer' }).map(String))
        // A folder that holds what is excluded cannot make way for a file: rsync says so, and goes on.
        await mirrors
          .sync(plan, null, () => {})
          .catch((error: Error) => {
            expect(error.message).toContain('could not make way')
          })
        const left = new Set(readdirSync(to, { recursive: true, encoding: 'buffer' }).map(String))
        if (names.size > 0)
          expect(deletionsAtMost).toBeGreaterThanOrEqual([...names].filter((one) => !left.has(one)).length)
      }),
      { numRuns: 40 },
    )
  })
})

/** A few names, so that two trees have many of them in common; each may be a file, a link or a folder. */
type Tree = { [name: string]: Tree | 'file' | 'link' }
const name = fc.constantFrom('a', 'b', 'new\nline', 'cache', '*', ' ', 'é', '-n')
const { tree: trees } = fc.letrec<{ tree: Tree; entry: Tree | 'file' | 'link' }>((tie) => ({
  tree: fc.dictionary(name, tie('entry'), { maxKeys: 5 }),
  entry: fc.oneof({ maxDepth: 3 }, fc.constantFrom('file' as const, 'link' as const), tie('tree')),
}))
const excludes = fc.subarray(['/cache/', 'a', '-n/', 'b/*'])

function plant(folder: string, tree: Tree): void {
  mkdirSync(folder)
  for (const [name, entry] of Object.entries(tree)) {
    const path = join(folder, name)
    if (entry === 'file') writeFileSync(path, '')
    else if (entry === 'link') symlinkSync('nowhere', path)
    else plant(path, entry)
  }
}
