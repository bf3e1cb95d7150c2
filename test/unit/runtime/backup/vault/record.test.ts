import { randomBytes } from 'node:crypto'
import { chmodSync, linkSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkCopies } from '../../../../../runtime/backup/vault/check.ts'
import { overviewOf } from '../../../../../runtime/backup/vault/overview.ts'
import { release } from '../../../../../runtime/backup/vault/release.ts'
import { withHost } from '../../../../../runtime/backup/vault/vault.ts'
import { vaultText } from '../../../../../runtime/cli/vault/status-text.ts'
import { HostBusyError } from '../../../../../runtime/host/vault/lock.ts'
import { archiveOf, dayMs, vaultInProcess } from './in-process.ts'

const keep = { daily: 2, weekly: 0, monthly: 0, yearly: 0, atLeast: 1 }

function vaultOfNights() {
  const vault = vaultInProcess({ web1: { keep } })
  const file = join(vault.path, 'web1/record.jsonl')
  return {
    ...vault,
    stands: () => readdirSync(join(vault.path, 'web1/accepted/home')),
    lines: () => readFileSync(file, 'utf8').split('\n').slice(0, -1),
    write: (lines: readonly string[]) => writeFileSync(file, lines.map((line) => `${line}\n`).join('')),
    async night(sizeBytes = 5000) {
      const answer = await vault.send(randomBytes(sizeBytes), {}, 50)
      vault.clock.now += dayMs
      return answer
    },
  }
}

test('a copy and what is odd about it are one line: a kill after it loses neither', async () => {
  const vault = vaultOfNights()
  for (let n = 0; n < 4; n += 1) await vault.night()
  await vault.night(100)
  const lines = vault.lines()
  const last = lines.findLastIndex((line) => line.includes('"did":"accept"'))
  vault.write(lines.slice(0, last + 1))
  expect(overviewOf(vault.vault, ['web1'])[0]?.sources[0]?.odd?.reasons).toEqual([
    expect.stringContaining('where 4.9 KiB is usual'),
  ])
})

test('what expired and was not removed yet goes with the next copy, or the next check', async () => {
  const vault = vaultOfNights()
  await vault.night()
  const [first = ''] = vault.stands()
  const path = (name: string) => join(vault.path, 'web1/accepted/home', name)
  linkSync(path(first), join(vault.folder, 'kept'))
  await vault.night()
  await vault.night()
  expect(vault.stands()).not.toContain(first)
  linkSync(join(vault.folder, 'kept'), path(first))
  await vault.night()
  expect(vault.stands()).not.toContain(first)
  linkSync(join(vault.folder, 'kept'), path(first))
  expect((await checkCopies(['web1'], {}, vault.tools)).unrecorded).toEqual([])
  expect(vault.stands()).not.toContain(first)
})

test('a line in the middle that cannot be read stops expiry and is told; copies still come', async () => {
  const vault = vaultOfNights()
  const { proved } = await vault.night()
  await vault.night()
  const [first = '', ...others] = vault.lines()
  vault.write([first, '{"did":"acc\0\0\0', ...others])
  const before = vault.stands().length
  expect((await vault.night()).ok).toBe(true)
  expect(vault.stands()).toHaveLength(before + 1)
  const [web1] = overviewOf(vault.vault, ['web1'])
  expect(web1?.record).toContain('line 2 of')
  expect(web1?.sources[0]?.waits).toContain('line 2 of')
  const paint = { red: String, yellow: String, cyan: String } as never
  expect(vaultText(web1 ? [web1] : [], vault.clock.now, paint)).toContain('its record is damaged: line 2 of')
  expect((await vault.copies())[0]).toMatchObject({ readAt: '1970-01-01T00:00:00.000Z' })
  const checked = await checkCopies(['web1'], {}, vault.tools)
  expect(checked).toMatchObject({ files: 1, damaged: [] })
  expect(checked.records).toEqual([{ host: 'web1', reason: expect.stringContaining('line 2 of') }])
  expect((await vault.copies())[0].sha256).toBe(proved.sha256)
  expect((await vault.copies())[0].readAt).not.toContain('1970')
})

test('a record that cannot be read at all is refused in words, and told', async () => {
  const vault = vaultOfNights()
  await vault.night()
  const link = join(vault.path, 'web1/record.jsonl')
  writeFileSync(join(vault.folder, 'elsewhere'), '')
  rmSync(link)
  symlinkSync(join(vault.folder, 'elsewhere'), link)
  expect(await vault.ask({ do: 'status' })).toMatchObject({
    ok: false,
    error: expect.stringContaining('cannot read'),
  })
  expect(overviewOf(vault.vault, ['web1'])[0]).toMatchObject({
    prepared: true,
    record: expect.stringContaining('cannot read'),
  })
  expect((await checkCopies(['web1'], {}, vault.tools)).records).toHaveLength(1)
})

test('damage that is found when bytes are proved again is noted of all their names', async () => {
  const vault = vaultOfNights()
  const bytes = randomBytes(1000)
  const archive = (n: number) => archiveOf(bytes, { at: `2026-10-0${n}T02:00:00.000Z` })
  await vault.send(bytes, archive(1))
  await vault.ask({ do: 'prove', archive: archive(2) })
  await vault.ask({ do: 'prove', archive: archive(3) })
  const [name = ''] = vault.stands()
  const path = join(vault.path, 'web1/accepted/home', name)
  chmodSync(path, 0o600)
  writeFileSync(path, randomBytes(1000))
  vault.clock.now += 30 * dayMs
  expect((await vault.ask({ do: 'prove', archive: archive(4) })).error).toContain('damaged')
  expect((await vault.copies()).map(({ damaged }) => damaged)).toEqual([true, true, true])
})

test('a release and a check write under the lock of the host', async () => {
  const vault = vaultOfNights()
  for (let n = 0; n < 4; n += 1) await vault.night()
  await vault.night(100)
  const before = vault.lines()
  await withHost('web1', vault.tools, async () => {
    await expect(release('web1', undefined, vault.tools)).rejects.toThrow(HostBusyError)
    expect(await checkCopies(['web1'], { all: true, bytes: 1 }, vault.tools)).toMatchObject({ files: 1 })
    expect(vault.lines()).toEqual(before)
  })
  expect(await release('web1', 'home', vault.tools)).toEqual(['home'])
  expect(overviewOf(vault.vault, ['web1'])[0]?.sources[0]?.odd).toBe(null)
})
