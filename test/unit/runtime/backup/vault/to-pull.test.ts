import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { nextToPull } from '../../../../../runtime/backup/vault/to-pull.ts'
import { HostFolder } from '../../../../../runtime/host/vault/host-folder.ts'
import { addToRecord, readRecord } from '../../../../../runtime/host/vault/record.ts'
import type { OfferedArchive } from '../../../../../runtime/vault-protocol.ts'
import { archiveOf, dayMs, vaultInProcess } from './in-process.ts'

/** Archives of so many nights, the last of which is that of now. */
function nights(count: number, now: number, source = 'home') {
  return Array.from({ length: count }, (_, n) => {
    const bytes = randomBytes(1000)
    return { bytes, archive: archiveOf(bytes, { source, at: new Date(now - n * dayMs).toISOString() }) }
  })
}

/** Takes all that may come now, as a pull does. @returns The nights, by their place in the list. */
async function takeAll(vault: ReturnType<typeof vaultInProcess>, listed: ReturnType<typeof nights>) {
  const taken: number[] = []
  for (;;) {
    const { next } = nextOf(vault, listed)
    if (!next) return taken
    const n = listed.findIndex(({ archive }) => archive === next)
    expect(await vault.send(listed[n]?.bytes ?? Buffer.of(), next)).toMatchObject({ ok: true })
    taken.push(n)
  }
}

function nextOf(
  vault: ReturnType<typeof vaultInProcess>,
  listed: readonly { archive: OfferedArchive }[],
  passed: string[] = [],
) {
  using folder = HostFolder.open(vault.path, 'web1')
  const archives = listed.map(({ archive }) => archive)
  return nextToPull(archives, readRecord(folder.root), new Set(passed), vault.clock.now)
}

test('a first pull takes the newest of each source, and older ones on later days: nothing is odd', async () => {
  const vault = vaultInProcess()
  const listed = nights(4, vault.clock.now)
  expect(await takeAll(vault, listed)).toEqual([0, 1])
  expect(nextOf(vault, listed).waiting).toBe(2)
  vault.clock.now += dayMs
  const later = [...nights(1, vault.clock.now), ...listed]
  expect(await takeAll(vault, later)).toEqual([0, 3])
  expect(vault.events.map(({ definition }) => definition.type)).not.toContain('vault.odd')
})

test('the newest of a source is taken whatever came today, be it odd', async () => {
  const vault = vaultInProcess()
  await takeAll(vault, nights(3, vault.clock.now))
  const further = nights(1, vault.clock.now + 3_600_000)
  expect(nextOf(vault, further).next).toEqual(further[0]?.archive)
})

test('nothing is taken twice, be it expired or told with another moment of its night; what is damaged is', async () => {
  const vault = vaultInProcess()
  const first = nights(1, vault.clock.now)
  await takeAll(vault, first)
  using folder = HostFolder.open(vault.path, 'web1')
  const at = new Date(vault.clock.now).toISOString()
  const standing = () => readRecord(folder.root).copies.map(({ file }) => file)
  addToRecord(folder.root, { did: 'expire', files: standing(), at })
  vault.clock.now += dayMs
  const second = nights(1, vault.clock.now)
  await takeAll(vault, second)
  expect(await vault.copies()).toHaveLength(1)
  const again = first.map(({ archive }) => ({
    archive: { ...archive, at: archive.at.replace('03:00', '03:07') },
  }))
  expect(nextOf(vault, [...second, ...again])).toEqual({ next: undefined, waiting: 0 })
  addToRecord(folder.root, { did: 'damage', files: standing(), at, reason: 'rot' })
  expect(nextOf(vault, second).next).toEqual(second[0]?.archive)
  const passed = second.map(({ archive }) => archive.sha256)
  expect(nextOf(vault, second, passed)).toEqual({ next: undefined, waiting: 1 })
})
