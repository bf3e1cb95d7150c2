import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { answerRequest } from '../../../../runtime/backup/vault/answer.ts'
import { answerLines } from '../../../../runtime/cli/vault/session.ts'
import { listDigest } from '../../../../runtime/vault-protocol.ts'
import { archiveOf as archive, dayMs, vaultInProcess } from '../backup/vault/in-process.ts'
import { archiveOf, makeLoopback, noSsh, sendWhole } from './loopback.ts'

afterEach(() => void vi.useRealTimers())

const opened = JSON.stringify({ v: 2, do: 'session' })
const lines = (...all: (object | string)[]) =>
  all.map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`).join('')

test.skipIf(noSsh)(
  'one process answers all that a host asks in a session, and nothing but its protocol',
  async () => {
    const there = await makeLoopback({ hosts: '{ web1: { mayGet: true } }' })
    const first = archiveOf(there.folder, randomBytes(10_000))
    await sendWhole(there, first)
    const again = { ...first.archive, at: '2026-11-23T02:00:00.000Z' }
    const { code, out } = await there.ssh(
      opened,
      lines(
        { v: 2, do: 'status' },
        { v: 2, do: 'prove', archive: again },
        'rsync --server --sender . /etc',
        'id',
        '',
        { v: 2, do: 'get', sha256: first.archive.sha256, offset: 0 },
        { v: 3, do: 'status' },
        { v: 2, do: 'session' },
        { v: 2, do: 'prove', archive: archiveOf(there.folder, randomBytes(9)).archive },
        { v: 2, do: 'status' },
      ),
    )
    expect(code).toBe(0)
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(answers.map(({ v }) => v)).toEqual(Array(10).fill(2))
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, ...Array(7).fill(false), true])
    expect(answers[1]).toMatchObject({ proved: again, gone: [] })
    expect(answers.slice(2, 9).map(({ error }) => error)).toEqual([
      ...Array(3).fill(expect.stringContaining('no other command is run here')),
      expect.stringContaining('asked for by themselves'),
      expect.stringContaining('version 3'),
      expect.stringContaining('not understood'),
      expect.stringContaining('not offered'),
    ])
    expect(answers[9].copies).toHaveLength(2)
  },
)

test.skipIf(noSsh)(
  'a line that is too long ends a session in words, and so does one without an end',
  async () => {
    const there = await makeLoopback()
    const long = JSON.stringify({ v: 2, do: 'status', x: 'x'.repeat(5000) })
    for (const input of [lines(long, { v: 2, do: 'status' }), 'x'.repeat(1_000_000)]) {
      const said = await there.ssh(opened, input)
      expect(said).toMatchObject({ code: 1, out: '' })
      expect(said.err).toContain('hdsync: the request is longer than 4096 bytes')
    }
    // What is not ended was cut off.
    expect(await there.ssh(opened, '{"v":2,"do":"status"}')).toMatchObject({ code: 0, out: '' })
  },
)

test.skipIf(noSsh)(
  'a host has two sessions at once; another one is told so, and goes once one has ended',
  async () => {
    const there = await makeLoopback()
    const held = ['incoming', 'base'].map((name) =>
      spawn('flock', [join(there.vault, 'web1', name), 'sh', '-c', 'echo held; exec cat']),
    )
    for (const one of held) onTestFinished(() => void one.kill('SIGKILL'))
    await Promise.all(held.map((one) => once(one.stdout, 'data')))
    const asked = () => there.ssh(opened, lines({ v: 2, do: 'status' }))
    const refused = await asked()
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toContain('hdsync: later: web1 has as many sessions as it may: ask again later')
    // What is asked while bytes come, or are read, is asked again later.
    const busy = spawn('flock', [join(there.vault, 'web1/lock'), 'sh', '-c', 'echo held; exec cat'])
    onTestFinished(() => void busy.kill('SIGKILL'))
    const ended = once(held[1] as ChildProcess, 'exit')
    held[1]?.stdin.end()
    await ended
    expect(await asked()).toMatchObject({ code: 0, out: expect.stringContaining('"ok":true') })
    await once(busy.stdout, 'data')
    const { archive: coming } = archiveOf(there.folder, randomBytes(10))
    const early = await there.ssh(
      opened,
      lines({ v: 2, do: 'offer', archive: coming }, { v: 2, do: 'prove', archive: coming }),
    )
    for (const line of early.out.trimEnd().split('\n'))
      expect(JSON.parse(line)).toMatchObject({
        v: 2,
        ok: false,
        isFinal: false,
        error: expect.stringContaining('ask again later'),
      })
    expect(early.out.trimEnd().split('\n')).toHaveLength(2)
    const left = once(busy, 'exit')
    busy.stdin.end()
    await left
    // It is for sessions alone.
    held[1] = spawn('flock', [join(there.vault, 'web1/base'), 'sh', '-c', 'echo held; exec cat'])
    onTestFinished(() => void held[1]?.kill('SIGKILL'))
    await once(held[1].stdout, 'data')
    await sendWhole(there, archiveOf(there.folder, randomBytes(100)))
  },
)

test('a session in which nothing is asked for ends, and one whose request takes long does not', async () => {
  vi.useFakeTimers()
  const input = new PassThrough()
  const answered = Promise.withResolvers<{ line: string }>()
  const said: string[] = []
  const door = { ask: () => answered.promise } as never
  let isEnded = false
  const ended = answerLines(
    input,
    async () => door,
    (line) => void said.push(line),
  ).finally(() => {
    isEnded = true
  })
  input.write(lines({ v: 2, do: 'status' }))
  await vi.advanceTimersByTimeAsync(6 * 3_600_000)
  expect(isEnded).toBe(false)
  answered.resolve({ line: 'done' })
  await vi.advanceTimersByTimeAsync(59_000)
  expect({ said, isEnded }).toEqual({ said: ['done'], isEnded: false })
  await vi.advanceTimersByTimeAsync(2000)
  await ended
  expect(isEnded).toBe(true)
})

test('a host of the released version is answered as ever: none of the words of sessions', async () => {
  const { ask, send, clock } = vaultInProcess({
    web1: { keep: { daily: 1, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 } },
  })
  const bytes = randomBytes(100)
  const about = archive(bytes)
  const version1 = ['v', 'ok', 'now']
  const offered = await ask({ v: 1, do: 'offer', archive: about })
  expect(Object.keys(offered)).toEqual([...version1, 'has', 'name', 'laidBytes'])
  expect(await send(bytes)).toMatchObject({ v: 1, ok: true })
  for (let day = 0; day < 3; day += 1) {
    clock.now += dayMs
    const proved = await send(randomBytes(100))
    expect(Object.keys(proved)).toEqual([...version1, 'proved'])
  }
  const status = await ask({ v: 1, do: 'status' })
  expect(status.v).toBe(1)
  expect(Object.keys(status).toSorted()).toEqual(
    [...version1, 'host', 'usedBytes', 'quotaBytes', 'freeBytes', 'mayGet', 'copies'].toSorted(),
  )
  expect(await ask({ v: 1, do: 'prove', archive: archive(randomBytes(5)) })).toMatchObject({
    v: 1,
    ok: false,
  })
})

test('a host that knows what is there is told so in short, and what has gone with what has come', async () => {
  const keep = { daily: 2, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 }
  const { incoming, clock, tools, copies } = vaultInProcess({ web1: { keep } })
  const say = async (request: object) => {
    const answer = await answerRequest('web1', { v: 2, ...request } as never, tools)
    return 'line' in answer ? JSON.parse(answer.line) : answer
  }
  let known = (await say({ do: 'status' })).copies
  let gone = 0
  for (let day = 0; day < 12; day += 1) {
    clock.now += dayMs
    const bytes = randomBytes(100)
    const about = archive(bytes, { at: new Date(clock.now).toISOString() })
    expect(await say({ do: 'offer', archive: about })).toMatchObject({ v: 2, has: false })
    writeFileSync(incoming(about.sha256), bytes)
    const proof = await say({ do: 'prove', archive: about })
    expect(proof).toMatchObject({ v: 2, ok: true, gone: expect.any(Array) })
    gone += proof.gone.length
    const key = (one: { source: string; sha256: string; provedAt: string }) =>
      `${one.source} ${one.sha256} ${one.provedAt}`
    known = [...known.filter((one: never) => !proof.gone.includes(key(one))), proof.proved]
    const same = await say({ do: 'status', known: listDigest(known) })
    expect(same).toMatchObject({ same: true, host: 'web1', usedBytes: expect.any(Number) })
    expect(same.copies).toBeUndefined()
    expect(known).toEqual(await copies())
  }
  expect(gone).toBeGreaterThan(3)
  const other = await say({ do: 'status', known: listDigest(known.slice(1)) })
  expect(other.copies).toEqual(known)
  expect(await say({ do: 'status', known: 'x' })).toMatchObject({ copies: known })
})
