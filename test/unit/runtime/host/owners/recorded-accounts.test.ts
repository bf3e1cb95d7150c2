import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type Accounts,
  accountsFrom,
  accountsHere,
  accountsText,
  namesIn,
} from '../../../../../runtime/host/owners/accounts.ts'
import { localIds, localNames } from '../../../../../runtime/host/owners/local-ids.ts'
import {
  forgetAccounts,
  recordAccounts,
  recordedAccounts,
} from '../../../../../runtime/host/owners/recorded-accounts.ts'
import { weekdayOf } from '../../../../../runtime/weekday.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { runner } from '../points/tree.ts'

const accounts = (passwd: string): Accounts => ({
  users: namesIn(passwd),
  groups: new Map([[50, ['staff']]]),
})
const first = accounts(
  'ann:x:1000:1000::/home/ann:/bin/sh\nroot:x:0:0:::\ntoor:x:0:0:::\n# no account\nbad:x:-1:0:::\n',
)
const second = accounts('ann:x:1001:1000::/home/ann:/bin/sh\n')
const day = (n: number) => Date.UTC(2026, 10, n, 3)
const archive = (n: number) =>
  ({ source: 'var', kind: 'weekday', at: new Date(day(n)).toISOString() }) as const

/** An empty file in the place of one. */
function archiveOn(path: string, n: number): void {
  const folder = join(path, weekdayOf(day(n)))
  mkdirSync(folder)
  const file = join(folder, 'var.tar.zst')
  writeFileSync(file, '')
  utimesSync(file, day(n) / 1000 + 60, day(n) / 1000 + 60)
}

test('names and numbers alone are recorded, for people to read, and read again', () => {
  expect(accountsText(first)).toBe('user:ann:1000\nuser:root:0\nuser:toor:0\ngroup:staff:50\n')
  expect(accountsFrom(`# head\n${accountsText(first)}user:no number\nuser:a:1:2\n`)).toEqual(first)
  const here = accountsText(accountsHere())
  expect(here).toContain('user:root:0\n')
  expect(here).not.toContain(':x:')
  expect(here).not.toContain('/')
})

test('a restore point has the names that there were when it was made, and a mirror the newest', () => {
  const path = temporaryFolder()
  const target = { name: 'disk', path }
  archiveOn(path, 3)
  recordAccounts(target, ['var', 'www'], first, day(2))
  recordAccounts(target, ['var'], first, day(3))
  recordAccounts(target, ['var'], second, day(4))
  expect(readdirSync(join(path, '.hdsync-owners')).sort()).toEqual(['var', 'www'])
  expect(readdirSync(join(path, '.hdsync-owners/var')).sort()).toEqual([
    '2026-11-02T03-00-00.000Z.txt',
    '2026-11-04T03-00-00.000Z.txt',
  ])
  expect(readFileSync(join(path, '.hdsync-owners/var/2026-11-04T03-00-00.000Z.txt'), 'utf8')).toContain(
    'the backups of var from 2026-11-04T03:00:00.000Z on',
  )
  expect(recordedAccounts(path, archive(1))).toBeUndefined()
  expect(recordedAccounts(path, archive(3))).toEqual(first)
  expect(recordedAccounts(path, archive(5))).toEqual(second)
  expect(recordedAccounts(path, { ...archive(3), kind: 'mirror' })).toEqual(second)
  expect(recordedAccounts(path, { ...archive(3), source: 'home' })).toBeUndefined()
})

test('a record that no restore point needs any more is removed', () => {
  const path = temporaryFolder()
  const target = { name: 'disk', path }
  recordAccounts(target, ['var'], first, day(2))
  archiveOn(path, 4)
  recordAccounts(target, ['var'], second, day(4))
  recordAccounts(target, ['var'], first, day(5))
  expect(readdirSync(join(path, '.hdsync-owners/var')).sort()).toEqual([
    '2026-11-04T03-00-00.000Z.txt',
    '2026-11-05T03-00-00.000Z.txt',
  ])
})

test('a source that is forgotten has its records removed, others keep theirs', () => {
  const path = temporaryFolder()
  recordAccounts({ name: 'disk', path }, ['var', 'www'], first, day(2))
  forgetAccounts(path, 'var')
  forgetAccounts(path, 'var')
  expect(readdirSync(join(path, '.hdsync-owners'))).toEqual(['www'])
})

test('no link is followed, neither to write nor to read', () => {
  const path = temporaryFolder()
  const elsewhere = temporaryFolder()
  mkdirSync(join(path, '.hdsync-owners'))
  symlinkSync(elsewhere, join(path, '.hdsync-owners/var'))
  expect(() => recordAccounts({ name: 'disk', path }, ['var'], first, day(2))).toThrow('is a link')
  expect(() => recordedAccounts(path, archive(3))).toThrow('is a link')
  expect(readdirSync(elsewhere)).toEqual([])
})

test('names are looked up on this machine, and those that are not here are left out', async () => {
  expect(await localIds('passwd', ['root', 'nobody-of-that-name', '0', '-x'], runner)).toEqual(
    new Map([['root', 0]]),
  )
  expect(await localIds('group', [], runner)).toEqual(new Map())
  expect(await localNames('group', [0, 4_000_000_000], runner)).toEqual(new Map([[0, 'root']]))
})
