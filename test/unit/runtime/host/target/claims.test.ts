import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { claimSources, claimsFile, readClaims } from '../../../../../runtime/host/target/claims.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const now = Date.UTC(2026, 0, 1)
const alpha = { store: 'aaaa', host: 'alpha' }
const beta = { store: 'bbbb', host: 'beta' }

let target: { name: string; path: string }
beforeEach(() => {
  target = { name: 'hdd1', path: temporaryFolder() }
})

describe('claimSources()', () => {
  test('claims what nobody has, once, and leaves the rest as it is', () => {
    expect(claimSources(target, ['var'], alpha, { now })).toEqual({
      refused: new Map(),
      found: [],
      taken: [],
    })
    const before = readFileSync(join(target.path, claimsFile), 'utf8')
    claimSources(target, ['var'], { ...alpha, host: 'renamed' }, { now: now + 1 })
    expect(readFileSync(join(target.path, claimsFile), 'utf8')).toBe(before)
    claimSources(target, ['home'], beta, { now })
    expect([...readClaims(target.path)]).toEqual([
      ['var', { ...alpha, since: '2026-01-01T00:00:00.000Z' }],
      ['home', { ...beta, since: '2026-01-01T00:00:00.000Z' }],
    ])
    expect(readdirSync(target.path)).toEqual([claimsFile])
  })

  test('refuses what is another store’s, and says whose and since when', () => {
    claimSources(target, ['var'], alpha, { now })
    const { refused } = claimSources(target, ['var', 'home'], beta, { now })
    expect([...refused.keys()]).toEqual(['var'])
    expect(refused.get('var')).toMatch(
      /^target hdd1: mirror and archives of var belong to host alpha \(event store aaaa\) since 2026-01-01T.*hdsync target adopt hdd1 --take-over/,
    )
    expect([...readClaims(target.path)].map(([name, { host }]) => [name, host])).toEqual([
      ['var', 'alpha'],
      ['home', 'beta'],
    ])
  })

  test('tells a host whose state directory was replaced from another one', () => {
    claimSources(target, ['var'], alpha, { now })
    const { refused } = claimSources(target, ['var'], { ...alpha, store: 'cccc' }, { now })
    expect(refused.get('var')).toContain('another hdsync of this host, or one whose state directory is gone')
  })

  test('takes over when it is told to', () => {
    claimSources(target, ['var'], alpha, { now })
    const { refused, taken } = claimSources(target, ['var', 'home'], beta, { takeOver: true, now })
    expect(refused.size).toBe(0)
    expect(taken).toMatchObject([{ source: 'var', from: alpha }])
    expect(readClaims(target.path).get('var')?.store).toBe('bbbb')
  })

  test('says what was there although nobody had claimed it', () => {
    mkdirSync(join(target.path, 'var/lib'), { recursive: true })
    mkdirSync(join(target.path, 'home/lost+found'), { recursive: true })
    mkdirSync(join(target.path, 'Monday'))
    writeFileSync(join(target.path, 'Monday/etc.tar.zst'), '')
    expect(claimSources(target, ['var', 'home', 'etc', 'new'], alpha).found).toEqual(['var', 'etc'])
  })

  test('knows a source that is called like a property of every object', () => {
    claimSources(target, ['constructor', '__proto__'], alpha)
    expect([...readClaims(target.path).keys()]).toEqual(['constructor', '__proto__'])
    expect(claimSources(target, ['toString'], beta).refused.size).toBe(0)
  })

  test.each(['', '{}', 'null', '{"mirrors":[["var",{}]]}'])(
    'claims nothing where %j tells whose it is',
    (text) => {
      writeFileSync(join(target.path, claimsFile), text)
      expect(() => claimSources(target, ['var'], alpha)).toThrow(/cannot tell from .* whose the mirrors are/)
    },
  )
})
