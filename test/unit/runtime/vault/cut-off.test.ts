import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { rsyncOptions } from '../../../../runtime/vault-protocol.ts'
import { isNightly } from '../../nightly.ts'
import { archiveOf, type Loopback, makeLoopback, noSsh } from './loopback.ts'

const seed = 20
/** Each takes some seconds. */
const most = isNightly ? 26 : 8
const sizeBytes = 24_000_000

/** The processes at work in a folder: rsync of the vault. */
function workingIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === folder && pid !== process.pid
      } catch {
        return false
      }
    })
}

function sender(
  there: Loopback,
  file: string,
  name: string,
  limit: string,
): { child: ChildProcess; ended: Promise<number | null> } {
  const argv = [...rsyncOptions, limit, '-e', there.shell, file, `127.0.0.1:${name}`]
  const child = spawn('rsync', argv, { stdio: 'ignore', detached: true })
  return { child, ended: new Promise((resolve) => child.once('close', resolve)) }
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  } catch {}
}

test.skipIf(noSsh)(
  'after many kills of sender and receiver nothing is torn, and nothing proved that is not there',
  async () => {
    const there = await makeLoopback()
    const old = randomBytes(sizeBytes)
    const news = Buffer.concat([old.subarray(0, 100_000), randomBytes(6_000_000), old.subarray(100_000)])
    let state = seed
    const random = () => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return state / 2 ** 31
    }
    let kills = 0
    for (const { file, archive } of [archiveOf(there.folder, old), archiveOf(there.folder, news)]) {
      for (let attempts = 0; attempts < 40; attempts += 1) {
        const { answer } = await there.ask({ v: 1, do: 'offer', archive })
        if (!answer.ok) {
          // What was killed is still ending.
          await sleep(100)
          continue
        }
        const isKilled = kills < (archive.sizeBytes === old.length ? most / 2 : most)
        const { child, ended } = sender(there, file, answer.name, isKilled ? '--bwlimit=2m' : '--bwlimit=0')
        const incoming = join(there.vault, 'web1/incoming')
        if (isKilled) {
          // The first few come before anything is received.
          if (kills % 5 > 0) await expect.poll(() => workingIn(incoming).length).toBeGreaterThan(0)
          await sleep(random() * 600)
          const receivers = random() < 0.5 ? workingIn(incoming) : []
          if (receivers.length === 0) kill(child.pid && -child.pid)
          for (const pid of receivers) kill(pid)
          kills += 1
        }
        const code = await ended
        const proved = (await there.ask({ v: 1, do: 'prove', archive })).answer
        if (code !== 0) {
          // A kill may come after the last byte: then it is all there.
          if (proved.ok) break
          continue
        }
        if (proved.ok) break
        await sleep(100)
      }
      expect((await there.ask({ v: 1, do: 'prove', archive })).answer).toMatchObject({ ok: true })
    }
    expect(kills).toBeGreaterThanOrEqual(0.75 * most)
    const folder = join(there.vault, 'web1/accepted/home')
    const standing = readdirSync(folder).sort()
    expect(standing.map((name) => readFileSync(join(folder, name)).length)).toEqual([old.length, news.length])
    expect(standing.every((name, n) => readFileSync(join(folder, name)).equals(n === 0 ? old : news))).toBe(
      true,
    )
    expect((await there.ask({ v: 1, do: 'status' })).answer.copies).toHaveLength(2)
  },
)

test.skipIf(noSsh)('what was cut off is not sent twice, and neither is what the last copy has', async () => {
  const there = await makeLoopback()
  const old = randomBytes(sizeBytes)
  const first = archiveOf(there.folder, old)
  const { answer } = await there.ask({ v: 1, do: 'offer', archive: first.archive })
  await there.send(first.file, answer.name)
  await there.ask({ v: 1, do: 'prove', archive: first.archive })
  const news = Buffer.concat([randomBytes(6_000_000), old])
  const { file, archive } = archiveOf(there.folder, news)
  await there.ask({ v: 1, do: 'offer', archive })
  const cut = sender(there, file, archive.sha256, '--bwlimit=16m')
  const incoming = join(there.vault, 'web1/incoming', archive.sha256)
  const sizeNow = () => {
    try {
      return readFileSync(incoming).length
    } catch {
      return 0
    }
  }
  await expect.poll(sizeNow).toBeGreaterThan(3_000_000)
  kill(cut.child.pid && -cut.child.pid)
  await cut.ended
  await expect
    .poll(async () => (await there.ask({ v: 1, do: 'offer', archive })).answer)
    .toMatchObject({
      ok: true,
      laidBytes: expect.toSatisfy((bytes: number) => bytes > 3_000_000 + old.length),
    })
  const sent = await there.send(file, archive.sha256)
  expect(sent.code).toBe(0)
  expect(sent.sentBytes).toBeLessThan(3_500_000)
  expect((await there.ask({ v: 1, do: 'prove', archive })).answer).toMatchObject({ ok: true })
})
