import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { archiveOf, type Loopback, makeLoopback, noSsh, sendWhole } from './loopback.ts'

const copies = ({ vault }: { vault: string }, source = 'home') =>
  readdirSync(join(vault, 'web1/accepted', source)).map((name) => join(vault, 'web1/accepted', source, name))

test.skipIf(noSsh)(
  'a first copy, an unchanged night, and a night with changes reach the vault over ssh',
  async () => {
    const there = await makeLoopback()
    const old = randomBytes(8_000_000)
    const first = archiveOf(there.folder, old)
    const one = await sendWhole(there, first)
    expect(one.offered).toMatchObject({ has: false, laidBytes: 0 })
    expect(one.proved).toMatchObject({ ...first.archive, damaged: false })
    expect(copies(there).map((file) => readFileSync(file).equals(old))).toEqual([true])

    const again = { ...first, archive: { ...first.archive, at: '2026-11-23T02:00:00.000Z' } }
    const two = await sendWhole(there, again)
    expect(two.offered.has).toBe(true)
    expect(two.sentBytes).toBe(0)
    expect(copies(there)).toHaveLength(2)

    const news = Buffer.concat([old.subarray(0, 1_000_000), randomBytes(1000), old.subarray(1_000_000)])
    const changed = archiveOf(there.folder, news, { at: '2026-11-24T02:00:00.000Z' })
    const three = await sendWhole(there, changed)
    expect(three.offered).toMatchObject({ has: false, laidBytes: old.length })
    expect(three.sentBytes).toBeLessThan(100_000)
    const standing = copies(there).sort()
    expect(standing.map((file) => readFileSync(file).equals(old))).toEqual([true, true, false])
    expect(readFileSync(standing[2] ?? '').equals(news)).toBe(true)

    // What came over the wire is on record: by it an intruder is told who encrypts everything.
    const record = readFileSync(join(there.vault, 'web1/record.jsonl'), 'utf8')
    const came = record.match(/(?<="newBytes":)[^,}]+/g)?.map(Number) ?? []
    expect(came).toEqual([expect.closeTo(old.length, -5), 0, expect.closeTo(0, -5)])
    expect(one.said).toBe('')

    const { answer } = await there.ask({ v: 1, do: 'status' })
    expect(answer).toMatchObject({
      host: 'web1',
      usedBytes: old.length + news.length,
      quotaBytes: null,
      mayGet: false,
    })
    expect(answer.copies.map(({ at }: { at: string }) => at.slice(0, 10))).toEqual([
      '2026-11-22',
      '2026-11-23',
      '2026-11-24',
    ])
  },
)

test.skipIf(noSsh)(
  'bytes that are there are proved for a further night without an offer, and no others are; over one connection as over many',
  async () => {
    const there = await makeLoopback({ shared: true })
    const first = archiveOf(there.folder, randomBytes(10_000))
    // As a host asks that offers everything.
    await sendWhole(there, first)
    const night = { at: '2026-11-23T02:00:00.000Z' }
    const again = { ...first.archive, ...night }
    const said = await there.ask({ v: 1, do: 'prove', archive: again })
    expect(said).toMatchObject({ code: 0, answer: { ok: true, proved: { ...again, damaged: false } } })
    expect(copies(there)).toHaveLength(2)
    for (const other of [
      archiveOf(there.folder, randomBytes(10), night).archive,
      { ...again, source: 'var' },
    ])
      expect(await there.ask({ v: 1, do: 'prove', archive: other })).toMatchObject({
        code: 1,
        answer: { ok: false },
      })
    // Whatever else is asked for over the connection of the first is asked of the command of the key.
    expect(await there.ssh('id')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('no other command'),
    })
  },
)

test.skipIf(noSsh)(
  'a host that may get its copies reads them from any byte on, and hears why where it cannot',
  async () => {
    const there = await makeLoopback({ hosts: '{ web1: { mayGet: true } }' })
    const bytes = Buffer.from('a plain text '.repeat(1000))
    const { archive } = await sendTo(there, bytes)
    const got = await there.ssh(JSON.stringify({ v: 1, do: 'get', sha256: archive.sha256, offset: 2 }))
    expect(got).toMatchObject({ code: 0, out: bytes.subarray(2).toString() })
    const none = await there.ssh(JSON.stringify({ v: 1, do: 'get', sha256: 'f'.repeat(64) }))
    expect(none).toMatchObject({
      code: 1,
      out: '',
      err: 'hdsync: the vault has no good copy of these bytes\n',
    })
    const beyond = await there.ssh(
      JSON.stringify({ v: 1, do: 'get', sha256: archive.sha256, offset: 99_999 }),
    )
    expect(beyond).toMatchObject({ code: 1, out: '' })
  },
)

test.skipIf(noSsh)(
  'while as many send as may, and while the same host sends, others are told to come back',
  async () => {
    const there = await makeLoopback()
    const { file, archive } = archiveOf(there.folder, randomBytes(1000))
    await there.ask({ v: 1, do: 'offer', archive })
    const hold = (path: string) => {
      const child = spawn('flock', [path, 'sleep', '300'], { detached: true })
      const release = () => child.pid !== undefined && process.kill(-child.pid)
      onTestFinished(() => void (child.exitCode === null && child.signalCode === null && release()))
      return release
    }
    const slots = join(there.vault, '.slots')
    const held = readdirSync(slots).map((name) => hold(join(slots, name)))
    expect(held).toHaveLength(4)
    await expect
      .poll(async () => (await there.send(file, archive.sha256)).err)
      .toContain('4 hosts are sending')
    for (const release of held) release()
    await expect.poll(async () => (await there.send(file, archive.sha256)).code).toBe(0)
    const release = hold(join(there.vault, 'web1/lock'))
    await expect
      .poll(async () => (await there.ask({ v: 1, do: 'prove', archive })).answer)
      .toMatchObject({ ok: false, isFinal: false, error: expect.stringContaining('ask again later') })
    release()
    await expect.poll(async () => (await there.ask({ v: 1, do: 'prove', archive })).answer.ok).toBe(true)
  },
)

test.skipIf(noSsh)('what the vault has is shown, checked, and what was odd is released', async () => {
  const there = await makeLoopback()
  await sendTo(there, randomBytes(1000))
  const status = await there.hdsync('vault', 'status', '--json')
  expect(JSON.parse(status.out)).toMatchObject([
    { host: 'web1', prepared: true, usedBytes: 1000, sources: [{ source: 'home', copies: 1, odd: null }] },
  ])
  expect((await there.hdsync('vault', 'status')).out).toContain('web1')
  const checked = await there.hdsync('vault', 'check', '--all', '--json')
  expect(JSON.parse(checked.out)).toMatchObject({ files: 1, bytes: 1000, damaged: [], unrecorded: [] })
  const record = join(there.vault, 'web1/record.jsonl')
  const [accepted = ''] = readFileSync(record, 'utf8').split('\n')
  appendFileSync(record, `${JSON.stringify({ ...JSON.parse(accepted), reasons: ['it is small'] })}\n`)
  const seen = await there.hdsync('vault', 'status', 'web1')
  expect(seen).toMatchObject({ code: 3, out: expect.stringContaining('hdsync vault release web1 home') })
  const found = await there.hdsync('check', '--json')
  const ids = JSON.parse(found.out).findings.map(({ id }: { id: string }) => id)
  expect(ids).toEqual(expect.arrayContaining(['vault.odd', 'vault.same-owner']))
  expect((await there.hdsync('vault', 'release', 'web1', 'home')).code).toBe(0)
  expect((await there.hdsync('vault', 'status')).code).toBe(0)
  expect(await there.hdsync('vault', 'release', 'web1')).toMatchObject({ code: 2 })
  expect(await there.hdsync('vault', 'status', 'web2')).toMatchObject({ code: 2 })
  expect(await there.hdsync('run')).toMatchObject({
    code: 2,
    err: expect.stringContaining('this machine is a vault'),
  })
})

async function sendTo(there: Loopback, bytes: Uint8Array) {
  const made = archiveOf(there.folder, bytes)
  await sendWhole(there, made)
  return made
}
