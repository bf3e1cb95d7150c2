import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkCopies } from '../../../../../runtime/backup/vault/check.ts'
import { archiveOf, dayMs, vaultInProcess } from './in-process.ts'

const nights = (copies: { provedAt: string }[]) => copies.map(({ provedAt }) => provedAt.slice(0, 10))

test('what nothing keeps goes once the next has arrived, by the clock of the vault', async () => {
  const keep = { daily: 2, weekly: 0, monthly: 0, yearly: 0, atLeast: 2 }
  const vault = vaultInProcess({ web1: { keep } })
  for (let n = 0; n < 5; n += 1) {
    await vault.send(randomBytes(1000 + n), { at: '2001-01-01T00:00:00.000Z' }, 100)
    vault.clock.now += dayMs
  }
  expect(nights(await vault.copies())).toEqual(['2026-11-04', '2026-11-05'])
  expect(readdirSync(join(vault.path, 'web1/accepted/home'))).toHaveLength(2)
  expect(vault.events.map(({ definition }) => definition.type)).toEqual(Array(5).fill('vault.accepted'))
})

test('a flood pushes out nothing that is real, is not taken for long, and stops all expiry', async () => {
  const keep = { daily: 3, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 }
  const vault = vaultInProcess({ web1: { keep } })
  const real: string[] = []
  for (let n = 0; n < 3; n += 1) {
    const { proved } = await vault.send(randomBytes(5000), {}, 100)
    real.push(proved.sha256)
    vault.clock.now += dayMs
  }
  let taken = 0
  for (let n = 0; n < 14; n += 1) {
    taken += (await vault.send(randomBytes(5000))).ok ? 1 : 0
    vault.clock.now += 60_000
  }
  expect(taken).toBe(2)
  const left = (await vault.copies()).map(({ sha256 }) => sha256)
  // The first of the day of the flood pushes out the day that is due in any case, and no more.
  expect(left).toEqual(expect.arrayContaining(real.slice(1)))
  expect(vault.events.filter(({ definition }) => definition.type === 'vault.odd').length).toBeGreaterThan(0)
  vault.clock.now += 60 * dayMs
  await vault.send(randomBytes(5000), {}, 100)
  expect((await vault.copies()).length).toBe(left.length + 1)
})

test.each([
  ['far smaller', () => [randomBytes(400), 40] as const, 'where 5.'],
  ['all new', () => [randomBytes(5500), 5500] as const, '100 % of it is new'],
])(
  'a copy that is %s than is usual is odd: nothing of its source goes until somebody has looked',
  async (_what, odd, words) => {
    const keep = { daily: 1, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 }
    const vault = vaultInProcess({ web1: { keep: { ...keep, daily: 5 } } })
    for (let n = 0; n < 5; n += 1) {
      await vault.send(randomBytes(5200 + n), {}, 200)
      vault.clock.now += dayMs
    }
    const [bytes, newBytes] = odd()
    await vault.send(bytes, {}, newBytes)
    expect(vault.events.at(-1)).toMatchObject({ data: { host: 'web1', source: 'home' } })
    expect(JSON.stringify(vault.events.at(-1)?.data)).toContain(words)
    vault.clock.now += dayMs
    await vault.send(randomBytes(5300), {}, 200)
    expect(await vault.copies()).toHaveLength(7)
  },
)

test('bytes that are not what was offered are removed, and nothing is accepted', async () => {
  const vault = vaultInProcess()
  const archive = archiveOf(randomBytes(1000))
  const { name } = await vault.ask({ do: 'offer', archive })
  writeFileSync(vault.incoming(name), randomBytes(1000))
  const answer = await vault.ask({ do: 'prove', archive })
  expect(answer).toMatchObject({ ok: false, isFinal: false })
  expect(answer.error).toContain('is not what was offered')
  expect(existsSync(vault.incoming(name))).toBe(false)
  expect(await vault.copies()).toEqual([])
})

test('a file that is too short stays, to be gone on with; one with a second name is removed', async () => {
  const vault = vaultInProcess()
  const bytes = randomBytes(1000)
  const archive = archiveOf(bytes)
  const { name } = await vault.ask({ do: 'offer', archive })
  expect((await vault.ask({ do: 'prove', archive })).error).toContain('nothing has come')
  writeFileSync(vault.incoming(name), bytes.subarray(0, 500))
  expect((await vault.ask({ do: 'prove', archive })).error).toContain('500 of 1000 bytes')
  writeFileSync(vault.incoming(name), bytes)
  linkSync(vault.incoming(name), vault.incoming('second'))
  chmodSync(vault.incoming('second'), 0o644)
  expect((await vault.ask({ do: 'prove', archive })).error).toContain('no file of 1000 bytes of its own')
  expect(lstatSync(vault.incoming('second')).mode).toBe(0o100644)
  expect(await vault.copies()).toEqual([])
})

test('a quota, and bytes that were not offered, are refused in words before anything is taken', async () => {
  const vault = vaultInProcess({ web1: { quota: '1M' } })
  const large = archiveOf(randomBytes(2_000_000))
  expect(await vault.ask({ do: 'offer', archive: large })).toMatchObject({
    ok: false,
    isFinal: true,
    error: expect.stringContaining('quota'),
  })
  expect((await vault.send(randomBytes(600_000))).ok).toBe(true)
  expect(await vault.send(randomBytes(600_001))).toMatchObject({ ok: false, isFinal: false })
  expect((await vault.ask({ do: 'prove', archive: archiveOf(randomBytes(10)) })).error).toContain(
    'not offered',
  )
  expect(await vault.ask({ do: 'status' }, 'web2')).toMatchObject({
    ok: false,
    error: expect.stringContaining('does not know web2'),
  })
})

test('what was accepted is told again, be it asked for a hundred times', async () => {
  const vault = vaultInProcess()
  const bytes = randomBytes(1000)
  const first = await vault.send(bytes)
  vault.clock.now += 1000
  const archive = archiveOf(bytes, { at: first.proved.at })
  for (let n = 0; n < 3; n += 1)
    expect((await vault.ask({ do: 'prove', archive })).proved).toEqual(first.proved)
  expect(await vault.copies()).toHaveLength(1)
})

test('vault check finds what is damaged or gone, and a damaged copy is taken anew', async () => {
  const vault = vaultInProcess()
  const bytes = randomBytes(100_000)
  await vault.send(bytes)
  await vault.send(randomBytes(50_000), { source: 'var' })
  const at = (source: string) => {
    const folder = join(vault.path, 'web1/accepted', source)
    return join(folder, readdirSync(folder)[0] ?? '')
  }
  expect(await checkCopies(['web1'], {}, vault.tools)).toMatchObject({ files: 0, left: 0 })
  expect(await checkCopies(['web1'], { all: true }, vault.tools)).toMatchObject({ files: 2, damaged: [] })
  chmodSync(at('home'), 0o600)
  appendFileSync(at('home'), 'x')
  rmSync(at('var'))
  writeFileSync(join(vault.path, 'web1/accepted/var/left'), '')
  vault.clock.now += 30 * dayMs
  const found = await checkCopies(['web1'], {}, vault.tools)
  expect(found.damaged.map(({ reason }) => reason).sort()).toEqual([
    'it does not read back as it was accepted',
    'it is not there',
  ])
  expect(found.unrecorded).toEqual([join(vault.path, 'web1/accepted/var/left')])
  expect((await vault.copies()).map(({ damaged }) => damaged)).toEqual([true, true])
  expect((await vault.send(bytes)).proved).toMatchObject({ damaged: false })
})

test('a record that a crash has torn is read up to there, and goes on', async () => {
  const vault = vaultInProcess()
  await vault.send(randomBytes(1000))
  appendFileSync(join(vault.path, 'web1/record.jsonl'), '{"did":"accept","file":"home/')
  await vault.send(randomBytes(1001))
  expect(await vault.copies()).toHaveLength(2)
})
