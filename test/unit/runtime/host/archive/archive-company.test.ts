import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ArchivePlan, archivePath } from '../../../../../runtime/host/archive/archive-place.ts'
import type { CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { prepare, write } from '../archive-plans.ts'
import { recordingRunner } from '../runner.ts'

/** Has the reading back of an archive wait. */
function heldUntil(gate: Promise<void>): CommandRunner {
  const { runner } = recordingRunner()
  return {
    ...runner,
    async open(command) {
      if (command.argv[0] === 'zstd') await gate
      return runner.open(command)
    },
  }
}

/** Tells of each walk through the mirror whether the other archive was in its place by then. */
function watching(other: ArchivePlan): { runner: CommandRunner; after: boolean[] } {
  const { runner } = recordingRunner()
  const after: boolean[] = []
  const open: CommandRunner['open'] = (command) => {
    if (command.argv[0] === 'find') after.push(existsSync(archivePath(other)))
    return runner.open(command)
  }
  return { runner: { ...runner, open }, after }
}

/** A mirror that has changed since its first archive. */
async function withEarlier(): Promise<ArchivePlan> {
  const plan = prepare()
  await write({ ...plan, weekday: 'Wednesday' })
  writeFileSync(join(plan.from.path, 'var', 'new'), 'new')
  return plan
}

function stub<K extends 'open' | 'statfs'>(name: K, instead: (typeof fs)[K]): void {
  const real = fs[name]
  onTestFinished(() => {
    fs[name] = real
    syncBuiltinESMExports()
  })
  fs[name] = instead
  syncBuiltinESMExports()
}

test('an archive that had to wait has its disks proven again, before it writes anything', async () => {
  const [one, other] = [prepare(), prepare()]
  const first = write(one, undefined, async () => {
    throw new Error('it did not wait')
  })
  const { runner, recorded } = recordingRunner()
  const second = write(other, runner, async () => {
    throw new Error('another disk is there')
  })
  await expect(second).rejects.toThrow('another disk is there')
  expect(recorded).toEqual([])
  expect(readdirSync(other.to.path)).toEqual([])
  await first
  await write(other, undefined, async () => {
    throw new Error('it did not wait')
  })
})

describe('while an archive is read back, the next one', () => {
  test('is written, and may be in its place before it', async () => {
    const [one, other] = [prepare(), await withEarlier()]
    const gate = Promise.withResolvers<void>()
    const first = write(one, heldUntil(gate.promise))
    await write(other)
    expect(existsSync(archivePath(one))).toBe(false)
    gate.resolve()
    await first
    expect(existsSync(archivePath(one))).toBe(true)
  })

  test.each([
    ['there is no room for both', withEarlier, 0],
    ['nothing tells how large it will be', async () => prepare(), 2 ** 40],
  ])('waits where %s', async (_, prepared, bavail) => {
    const [one, other] = [prepare(), await prepared()]
    const gate = Promise.withResolvers<void>()
    const { statfs } = fs
    stub('statfs', (async (path: string) => {
      gate.resolve()
      return { ...(await statfs(path)), bsize: 1, bavail }
    }) as typeof statfs)
    const { runner, after } = watching(one)
    await Promise.all([write(one, heldUntil(gate.promise)), write(other, runner)])
    expect(after).toEqual([true])
  })

  test('is written again alone where the disk has become full', async () => {
    const [one, other] = [prepare(), await withEarlier()]
    const gate = Promise.withResolvers<void>()
    const { open } = fs
    let begun = 0
    stub('open', async (...words) => {
      const file = await open(...words)
      const [path, , mode] = words
      if (!String(path).endsWith('.hdsync-part') || mode === undefined) return file
      begun += 1
      if (begun !== 2) return file
      return Object.assign(file, {
        async write() {
          gate.resolve()
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
        },
      })
    })
    const { runner, after } = watching(one)
    const first = write(one, heldUntil(gate.promise))
    await Promise.all([first, write(other, runner)])
    expect(after).toEqual([false, true])
    expect(existsSync(archivePath(other))).toBe(true)
  })
})
