import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { archiveOf, dayMs, vaultInProcess } from './in-process.ts'

const megabyte = 1_000_000
/** 4 MiB. */
const quota = { web1: { quota: '4M' } }

test('what was offered counts to the quota before any byte of it has come', async () => {
  const vault = vaultInProcess(quota)
  const all = Array.from({ length: 10 }, () => randomBytes(3 * megabyte))
  const offers = []
  for (const bytes of all) offers.push(await vault.ask({ do: 'offer', archive: archiveOf(bytes) }))
  expect(offers.map(({ ok }) => ok)).toEqual([true, ...Array(9).fill(false)])
  expect(offers[1]).toMatchObject({ isFinal: false, error: expect.stringContaining('does not fit') })
  const proofs = []
  for (const bytes of all) {
    const archive = archiveOf(bytes)
    writeFileSync(vault.incoming(archive.sha256), bytes)
    proofs.push(await vault.ask({ do: 'prove', archive }))
  }
  expect(proofs.map(({ ok }) => ok)).toEqual([true, ...Array(9).fill(false)])
  expect((await vault.ask({ do: 'status' })).usedBytes).toBe(3 * megabyte)
})

test.each([
  ['sizeBytes', { sizeBytes: 1 }],
  ['source', { source: 'var' }],
  ['form', { form: 'tar' as const }],
])('what has another %s than was offered is not accepted', async (what, about) => {
  const vault = vaultInProcess(quota)
  const bytes = randomBytes(9 * megabyte)
  const { name } = await vault.ask({ do: 'offer', archive: archiveOf(bytes, { sizeBytes: 2, ...about }) })
  writeFileSync(vault.incoming(name), bytes)
  const answer = await vault.ask({
    do: 'prove',
    archive: archiveOf(bytes, what === 'sizeBytes' ? {} : { sizeBytes: 2 }),
  })
  expect(answer).toMatchObject({ ok: false, isFinal: true, error: expect.stringContaining(`with ${what} `) })
  expect(await vault.copies()).toEqual([])
})

test('a quota that was made smaller meanwhile holds when the bytes are proven', async () => {
  const vault = vaultInProcess(quota)
  const bytes = randomBytes(3 * megabyte)
  const archive = archiveOf(bytes)
  const { name } = await vault.ask({ do: 'offer', archive })
  writeFileSync(vault.incoming(name), bytes)
  Object.assign(vault.vault.hosts.web1 ?? {}, { quota: 2 * megabyte })
  expect(await vault.ask({ do: 'prove', archive })).toMatchObject({ ok: false })
  Object.assign(vault.vault.hosts.web1 ?? {}, { quota: 3 * megabyte })
  expect(await vault.ask({ do: 'prove', archive })).toMatchObject({ ok: true })
})

test('an offer that nobody has repeated for half a day makes way where the quota is short', async () => {
  const vault = vaultInProcess(quota)
  const old = archiveOf(randomBytes(3 * megabyte))
  await vault.ask({ do: 'offer', archive: old })
  writeFileSync(vault.incoming(old.sha256), randomBytes(2 * megabyte))
  vault.clock.now += dayMs / 2
  const small = archiveOf(randomBytes(megabyte))
  expect(await vault.ask({ do: 'offer', archive: small })).toMatchObject({ ok: true })
  expect(existsSync(vault.incoming(old.sha256))).toBe(true)
  const large = archiveOf(randomBytes(3 * megabyte))
  expect(await vault.ask({ do: 'offer', archive: large })).toMatchObject({ ok: true })
  expect(existsSync(vault.incoming(old.sha256))).toBe(false)
  // The small one is too young to make way.
  expect(await vault.ask({ do: 'offer', archive: old })).toMatchObject({ ok: false })
})

test('what is laid to go on from is laid as a file of its own only where the quota has room for it', async () => {
  const laid = async (text: string) => {
    const vault = vaultInProcess({ web1: { quota: text } })
    await vault.send(randomBytes(3 * megabyte))
    const bytes = randomBytes(3 * megabyte)
    const archive = archiveOf(bytes)
    const { name } = await vault.ask({ do: 'offer', archive })
    writeFileSync(vault.incoming(name), randomBytes(2 * megabyte))
    const { laidBytes } = await vault.ask({ do: 'offer', archive })
    const base = lstatSync(join(vault.path, 'web1/base', name), { throwIfNoEntry: false })
    return { laidBytes, baseBytes: base?.size, proved: await provedOnceWhole() }

    async function provedOnceWhole(): Promise<boolean> {
      writeFileSync(vault.incoming(name), bytes)
      return (await vault.ask({ do: 'prove', archive })).ok
    }
  }
  expect(await laid('7M')).toEqual({ laidBytes: 2 * megabyte, baseBytes: undefined, proved: true })
  expect(await laid('11M')).toEqual({ laidBytes: 5 * megabyte, baseBytes: 5 * megabyte, proved: true })
})

test('a file that is larger than was offered takes no room of the quota', async () => {
  const vault = vaultInProcess(quota)
  const one = archiveOf(randomBytes(1000))
  await vault.ask({ do: 'offer', archive: one })
  writeFileSync(vault.incoming(one.sha256), '')
  truncateSync(vault.incoming(one.sha256), 1024 ** 3)
  expect((await vault.send(randomBytes(1000))).ok).toBe(true)
  expect(existsSync(vault.incoming(one.sha256))).toBe(false)
})
