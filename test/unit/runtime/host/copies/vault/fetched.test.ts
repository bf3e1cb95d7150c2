import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TerminalError } from '../../../../../../runtime/errors.ts'
import { fetchCopy } from '../../../../../../runtime/host/copies/vault/fetch-copy.ts'
import {
  claimFetched,
  fetchedFolder,
  releaseFetched,
  shareFetched,
  takePart,
} from '../../../../../../runtime/host/copies/vault/fetched.ts'
import { freeBytes } from '../../../../../../runtime/host/restore/room.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

const now = Date.now()
const copy = { sha256: createHash('sha256').update('copy').digest('hex'), extension: 'tar.zst' }

test('a copy that was fetched is read until its reader has ended, whatever others remove', () => {
  const state = temporaryFolder()
  expect(claimFetched(state, copy)).toBeUndefined()
  writeFileSync(takePart(state, copy), 'copy')
  const path = shareFetched(state, copy)
  expect(path).toMatch(/\.tar\.zst$/)
  expect(claimFetched(state, copy)).toBe(path)
  // Another process has found no mark a moment ago, and removes what nobody seems to read.
  rmSync(join(fetchedFolder(state), `${copy.sha256}.tar.zst`))
  expect(readFileSync(path, 'utf8')).toBe('copy')
  releaseFetched(state, now)
  expect(readdirSync(fetchedFolder(state))).toEqual([])
})

test('a process that has another one’s id does not keep a copy', () => {
  const state = temporaryFolder()
  const folder = join(state, 'fetched')
  mkdirSync(folder, { mode: 0o700 })
  const shared = join(folder, `${copy.sha256}.tar.zst`)
  // Process 1 runs as long as the machine does; it did not begin at tick 999999999.
  for (const mark of [`1`, '1-999999999', '1-999999999.tar.zst'])
    writeFileSync(join(folder, `${copy.sha256}.used-by.${mark}`), 'copy')
  writeFileSync(shared, 'copy')
  writeFileSync(join(folder, `${copy.sha256}.part.1-999999999`), 'co')
  releaseFetched(state, now)
  expect(readdirSync(folder)).toEqual([`${copy.sha256}.part.1-999999999`])
  expect(readFileSync(takePart(state, copy), 'utf8')).toBe('co')
})

test('one that another process reads stays', () => {
  const state = temporaryFolder()
  const folder = join(state, 'fetched')
  mkdirSync(folder, { mode: 0o700 })
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8')
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  const theirs = join(folder, `${copy.sha256}.used-by.${process.ppid}-${start}.tar.zst`)
  for (const path of [theirs, join(folder, `${copy.sha256}.tar.zst`)]) writeFileSync(path, 'copy')
  releaseFetched(state, now)
  expect(existsSync(theirs)).toBe(true)
  expect(readFileSync(claimFetched(state, copy) ?? '', 'utf8')).toBe('copy')
})

test('room is left for the records beside a copy that is fetched', async () => {
  const state = temporaryFolder()
  const vault = { user: 'b', host: 'v.example.org', port: 22, keyFile: '/k', knownHosts: '/h' }
  const unasked = () => Promise.reject(new Error('the vault is asked'))
  const runner = { run: unasked, open: unasked }
  const sizeBytes = freeBytes(state) - 32 * 1024 ** 2
  const fetched = fetchCopy({ ...copy, sizeBytes, state }, { vault, name: 'o', runner, onProgress() {} })
  await expect(fetched).rejects.toThrow(TerminalError)
  await expect(fetched).rejects.toThrow(/takes .* can be used/)
})
