import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rsyncOptions } from '../../../../runtime/vault-protocol.ts'
import { archiveOf, type Loopback, makeLoopback, noSsh, sendWhole } from './loopback.ts'

/** Everything of what was accepted: names, times, bytes. */
function acceptedOf({ vault }: Loopback): string {
  const folder = join(vault, 'web1/accepted')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => lstatSync(file).isFile())
    .sort()
  return JSON.stringify(
    files.map((file) => [file, lstatSync(file).mtimeMs, readFileSync(file).toString('base64')]),
  )
}

async function rsync(there: Loopback, ...argv: string[]): Promise<{ code: number | null; err: string }> {
  const child = spawn('rsync', ['-e', there.shell, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, err })))
}

test.skipIf(noSsh)('a stolen key changes, deletes and reads nothing that is in the vault', async () => {
  const there = await makeLoopback({ hosts: '{ web1: { quota: 4M }, web2: {} }' })
  const { folder, ask, send, ssh } = there
  const bytes = randomBytes(100_000)
  const first = archiveOf(folder, bytes)
  await sendWhole(there, first)
  const before = acceptedOf(there)
  const standing = readdirSync(join(there.vault, 'web1/accepted/home'))[0] ?? ''
  const evil = join(folder, 'evil')
  writeFileSync(evil, 'evil')
  mkdirSync(join(folder, 'empty'))
  const refused = { code: 12, err: expect.stringContaining('hdsync: ') }

  // What rsync can be asked for, with the real client.
  const at = (path: string) => `127.0.0.1:${path}`
  const { sha256 } = first.archive
  for (const argv of [
    [...rsyncOptions, evil, at(`../accepted/home/${standing}`)],
    [...rsyncOptions, evil, at(`${there.vault}/web1/accepted/home/${standing}`)],
    [...rsyncOptions, evil, at(sha256)],
    [...rsyncOptions, evil, at('authorized_keys')],
    ['-a', '--delete', `${folder}/empty/`, at('.')],
    ['-a', '--delete', `${folder}/empty/`, at(sha256)],
    ['-r', '--remove-source-files', at('.'), `${folder}/got`],
    [at(sha256), `${folder}/got`],
    [...rsyncOptions, '--backup', '--backup-dir=..', evil, at(sha256)],
    [...rsyncOptions, '--rsync-path=sh -c id; rsync', evil, at(sha256)],
    [...rsyncOptions, '-M--log-file=/tmp/x', evil, at(sha256)],
    [...rsyncOptions, '-M--copy-dest=/etc', evil, at(sha256)],
    [...rsyncOptions, '-z', evil, at(sha256)],
    ['--inplace', '--append', evil, at(sha256)],
  ])
    expect(await rsync(there, ...argv), argv.join(' ')).toMatchObject(refused)
  expect(existsSync(`${folder}/got`)).toBe(false)

  // What can be asked for besides.
  for (const command of [
    'sh',
    'cat /etc/passwd',
    'scp -t .',
    'internal-sftp',
    '{}',
    '{"v":1,"do":"delete"}',
    `${'x'.repeat(9000)}`,
  ])
    expect(await ssh(command), command).toMatchObject({ code: 1, err: expect.stringContaining('hdsync: ') })

  // Another host's, by whatever name.
  const got = await ask({ v: 1, do: 'get', sha256 }).catch((error) => error)
  expect(got).toMatchObject({ code: 1, out: '', err: expect.stringContaining('may not read from the vault') })
  expect((await ask({ v: 1, do: 'status', host: 'web2' })).answer).toMatchObject({ ok: false })

  // Other bytes under the name of those that were offered, more than that, and several files at once.
  const offered = archiveOf(folder, randomBytes(100_000))
  const { name } = (await ask({ v: 1, do: 'offer', archive: offered.archive })).answer
  const large = join(folder, 'large')
  writeFileSync(large, randomBytes(500_000))
  expect((await send(large, name)).code).not.toBe(0)
  expect(lstatSync(join(there.vault, 'web1/incoming', name)).size).toBeLessThanOrEqual(100_000)
  const many = join(folder, 'many')
  mkdirSync(many)
  for (let n = 0; n < 2000; n += 1) writeFileSync(join(many, String(n)), 'x')
  symlinkSync('/etc/passwd', join(many, 'link'))
  const files = readdirSync(many).map((one) => join(many, one))
  expect((await rsync(there, ...rsyncOptions, ...files, at(name))).code).not.toBe(0)
  expect((await ask({ v: 1, do: 'prove', archive: offered.archive })).answer).toMatchObject({ ok: false })
  writeFileSync(evil, randomBytes(100_000))
  await ask({ v: 1, do: 'offer', archive: offered.archive })
  expect(readdirSync(join(there.vault, 'web1/incoming')).filter((one) => one !== name)).toEqual([])
  expect((await send(evil, name)).code).toBe(0)
  expect((await ask({ v: 1, do: 'prove', archive: offered.archive })).answer).toMatchObject({
    ok: false,
    error: expect.stringContaining('not what was offered'),
  })

  // To fill it, and to say that it was long ago.
  const full = archiveOf(folder, randomBytes(4_150_000))
  expect((await ask({ v: 1, do: 'offer', archive: full.archive })).answer).toMatchObject({
    ok: false,
    error: expect.stringContaining('quota'),
  })
  const old = archiveOf(folder, randomBytes(10), { at: '1999-01-01T00:00:00.000Z' })
  const { proved } = await sendWhole(there, old)
  expect(proved.provedAt.slice(0, 4)).not.toBe('1999')
  expect(JSON.parse(acceptedOf(there)).slice(0, 1)).toEqual(JSON.parse(before))
})
