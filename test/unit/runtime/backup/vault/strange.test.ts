import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { archiveOf, vaultInProcess } from './in-process.ts'

const noRoot = process.getuid?.() === 0 ? undefined : 'files of other users are made by root alone'
const nobody = 65_534

test('whatever lies in incoming is removed: names that are no text, closed and deep folders, links', async () => {
  const vault = vaultInProcess()
  const incoming = join(vault.path, 'web1/incoming')
  writeFileSync(Buffer.concat([Buffer.from(`${incoming}/`), Buffer.from([0xff, 0xfe, 0x0a])]), 'x')
  mkdirSync(Buffer.concat([Buffer.from(`${incoming}/`), Buffer.from([0xff])]))
  const outside = join(vault.folder, 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'file'), 'x')
  mkdirSync(join(incoming, 'folder/closed/inner'), { recursive: true })
  symlinkSync(outside, join(incoming, 'link'))
  symlinkSync(outside, join(incoming, 'folder/link'))
  writeFileSync(join(incoming, 'folder/closed/inner/file'), 'x')
  chmodSync(join(incoming, 'folder/closed'), 0)
  chmodSync(join(incoming, 'folder'), 0)
  mkdirSync(join(incoming, ...Array(500).fill('d')), { recursive: true })
  expect(await vault.ask({ do: 'offer', archive: archiveOf(randomBytes(10)) })).toMatchObject({ ok: true })
  expect(readdirSync(incoming)).toEqual([])
  expect(readdirSync(outside)).toEqual(['file'])
})

test('a folder that was moved to proving, with something in it, blocks nothing', async () => {
  const vault = vaultInProcess()
  const bytes = randomBytes(1000)
  const archive = archiveOf(bytes)
  const proving = join(vault.path, 'web1/proving')
  const { name } = await vault.ask({ do: 'offer', archive })
  mkdirSync(join(proving, name, 'sub'), { recursive: true })
  expect((await vault.ask({ do: 'prove', archive })).error).toContain('nothing has come')
  expect(readdirSync(proving)).toEqual([])
  mkdirSync(join(proving, 'a'.repeat(64), 'sub'), { recursive: true })
  expect((await vault.send(bytes)).ok).toBe(true)
  expect(readdirSync(proving)).toEqual([])
})

test('who swaps the file for a folder all the time blocks nothing', async () => {
  const vault = vaultInProcess()
  const bytes = randomBytes(1000)
  const archive = archiveOf(bytes)
  const { name } = await vault.ask({ do: 'offer', archive })
  const incoming = join(vault.path, 'web1/incoming')
  // RENAME_EXCHANGE: x86_64 and arm64 number renameat2(2) differently.
  const number = process.arch === 'arm64' ? 276 : 316
  const swap = `$|=1; my ($n, $d) = ("${name}", "dir"); print "r"; while (1) { syscall(${number}, -100, $n, -100, $d, 2) }`
  const racer = spawn('perl', ['-e', swap], { cwd: incoming, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(racer.stdout, 'data')
  for (let n = 0; n < 40; n += 1) {
    try {
      // What is there may be swapped at any moment.
      mkdirSync(join(incoming, 'dir/sub'), { recursive: true })
      if (!existsSync(vault.incoming(name))) writeFileSync(vault.incoming(name), bytes)
    } catch {}
    if ((await vault.ask({ do: 'prove', archive })).ok) break
  }
  racer.kill('SIGKILL')
  for (let n = 0; n < 17; n += 1)
    expect(await vault.ask({ do: 'offer', archive: archiveOf(randomBytes(10)) })).toMatchObject({ ok: true })
  expect(readdirSync(join(vault.path, 'web1/proving'))).toEqual([])
})

test.skipIf(noRoot)('what belongs to somebody else is neither emptied nor taken', async () => {
  const vault = vaultInProcess()
  const incoming = join(vault.path, 'web1/incoming')
  const bytes = randomBytes(1000)
  const archive = archiveOf(bytes)
  const theirs = join(vault.folder, 'theirs')
  writeFileSync(theirs, bytes, { mode: 0o666 })
  chownSync(theirs, nobody, nobody)
  const before = lstatSync(theirs)
  const { name } = await vault.ask({ do: 'offer', archive })
  linkSync(theirs, vault.incoming(name))
  expect((await vault.ask({ do: 'prove', archive })).error).toContain('no file of 1000 bytes of its own')
  expect(lstatSync(theirs)).toMatchObject({ uid: nobody, mode: before.mode, nlink: 1 })
  mkdirSync(join(incoming, 'folder'))
  writeFileSync(join(incoming, 'folder/file'), 'x')
  chownSync(join(incoming, 'folder'), nobody, nobody)
  expect((await vault.ask({ do: 'offer', archive })).error).toContain('a folder of another user')
  expect(readdirSync(join(incoming, 'folder'))).toEqual(['file'])
})
