import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lastSight, noteSight } from '../../../../runtime/host/last-sight.ts'
import { claimSources, claimsFile } from '../../../../runtime/host/target/claims.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

function place() {
  const state = join(temporaryFolder(), 'state')
  const target = { name: 'disk', path: temporaryFolder() }
  chmodSync(target.path, 0o755)
  return { state, target }
}

test('how a target looked is known while it is not there, until it looks otherwise', () => {
  const { state, target } = place()
  claimSources(target, ['var'], { store: 'x', host: 'alpha' })
  expect(lastSight(state, target)).toBeUndefined()
  expect(noteSight(state, target, 0)).toMatchObject([{ kind: 'open' }])
  rmSync(target.path, { recursive: true })
  expect(lastSight(state, target)).toMatchObject({
    at: '1970-01-01T00:00:00.000Z',
    doors: [{ kind: 'open', mend: ['hdsync target adopt --all'] }],
    claims: [['var', { store: 'x', host: 'alpha' }]],
  })
  mkdirSync(target.path, { mode: 0o700 })
  expect(noteSight(state, target)).toEqual([])
  expect(lastSight(state, target)).toMatchObject({ doors: [], claims: [] })
})

test('what was seen of another folder, or is damaged, is not taken', () => {
  const { state, target } = place()
  noteSight(state, target)
  expect(lastSight(state, { ...target, path: '/mnt/other' })).toBeUndefined()
  expect(lastSight(state, { ...target, name: 'other' })).toBeUndefined()
  const file = join(state, 'targets', 'disk.json')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  writeFileSync(file, '{"at"')
  expect(lastSight(state, target)).toBeUndefined()
})

test('a note that cannot be written, or claims that cannot be read, keep nobody from a target', () => {
  const { state, target } = place()
  writeFileSync(join(target.path, claimsFile), 'no claims')
  writeFileSync(state, 'no folder')
  expect(noteSight(state, target)).toMatchObject([{ kind: 'open' }])
  expect(lastSight(state, target)).toBeUndefined()
})
